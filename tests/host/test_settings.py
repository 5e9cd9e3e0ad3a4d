import pytest

from pmplab.errors import SettingsError
from pmplab.host.settings import Settings, read_settings

DIGEST = "ab" * 32


def test_without_a_file_the_defaults_hold(tmp_path):
    assert read_settings(tmp_path) == Settings()
    (tmp_path / "settings.yaml").write_text("")
    assert read_settings(tmp_path) == Settings()


def test_sizes_durations_and_grants_are_read(tmp_path):
    (tmp_path / "settings.yaml").write_text(f"memory-limit: 512MiB\ngrace: 1.5m\nallow:\n  {DIGEST}: [net]\n")
    assert read_settings(tmp_path) == Settings(512 << 20, 90.0, {DIGEST: ["net"]})


@pytest.mark.parametrize(
    "text",
    [
        "[1]",
        "a: [",
        "memory-limit: lots",
        "memory-limit: 1MiB",
        "grace: 5",
        "allow: 5",
        "allow: {abc: [net]}",
        f"allow: {{{DIGEST}: [root]}}",
        "\tx: 1",
    ],
)
def test_a_wrong_file_is_an_error_that_names_it(tmp_path, text):
    if text == "grace: 5":
        text = "grace: soon"
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_settings(tmp_path)
    assert "settings.yaml" in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_misspelt_setting_is_met_with_a_guess(tmp_path):
    (tmp_path / "settings.yaml").write_text("memory-limt: 1GiB")
    with pytest.raises(SettingsError, match="memory-limt") as caught:
        read_settings(tmp_path)
    assert caught.value.help == "did you mean `memory-limit`?"
