"""What a protocol component in Python is written against.

    from pmplab_plugin import Failure, Plugin, call

    class Echo(Plugin):
        name = "echo"
        version = "0.1.0"

        @call(params={"host": "Where to", "port": "Where to", "text": "What to say"}, outputs={"reply": "text"})
        async def say(self, ctx, host: str, port: int, text: str) -> dict:
            connection = await ctx.connect(host, port)
            await connection.send(text.encode() + b"\\n")
            return {"reply": (await connection.line()).decode()}

An action is one `async` method: it runs until it must wait, and others run meanwhile. Its timeout and its being cancelled end it
wherever it waits, as `asyncio` would; there is no `asyncio` here, so await only what `ctx` and what it gave you offer.
"""

from pmplab_plugin._declare import Plugin, call
from pmplab_plugin._failure import Failure, Refusal

__all__ = ["Failure", "Plugin", "Refusal", "call"]
