"""A line echo over TCP."""

from pmplab_plugin import Failure, Plugin, call


class @TYPE@(Plugin):
    name = "@NAME@"
    version = "0.1.0"
    # What `pmp plugin check` calls: {host} and {port} are those of servers that it starts.
    about = {"check": {"call": "say", "with": {"host": "{host}", "port": "{port}", "text": "hello"}}}

    @call(
        params={"host": "Name or address of the server", "port": "Its port", "text": "What to say: one line"},
        outputs={"reply": "text"},
    )
    async def say(self, ctx, host: str, port: int, text: str) -> dict:
        if "\n" in text:
            raise Failure("config.bad-value", "`text` is more than one line")
        connection = await ctx.connect(host, port)
        await connection.send(text.encode() + b"\n")
        return {"reply": (await connection.line()).decode()}
