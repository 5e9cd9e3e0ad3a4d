"""What an action has at hand."""

from wit_world.imports import monotonic_clock as clock

from pmplab_plugin._loop import Ready


class Context:
    """An action at work: who asks, its leases, its connections, and what its record will say."""

    __slots__ = (
        "abi", "action", "bytes_received", "bytes_sent", "leases", "measures", "opened", "status", "submitted", "t_connect",
        "t_first_byte", "t_start", "taken", "task", "token", "user",
    )  # fmt: skip

    def __init__(self, abi, action, token, task, user, leases):
        self.abi = abi
        self.action = action
        self.token = token
        self.task = task
        self.user = user
        # By name of the resource: a dict of the lease's fields.
        self.leases = leases
        self.status = None
        self.submitted = clock.now()
        self.t_connect = self.t_start = self.t_first_byte = None
        self.bytes_sent = self.bytes_received = 0
        self.measures = []
        self.opened = []
        self.taken = []

    def now(self):
        """Return the clock in ns, as of the last I/O."""
        return self.abi.loop.now

    @property
    def session(self) -> dict:
        """What the user keeps from action to action."""
        return self.abi.users.setdefault(self.user, ({}, {}))[0]

    async def connect(self, host: str, port: int, *, keep: bool = True):
        """Return a TCP connection: with `keep` one that the user's last action left, if it is still there, else a new one.

        After a success, or a failure of the protocol, it is kept for the user's next action; after anything else it is closed.
        """
        if keep:
            idle = self.abi.users.setdefault(self.user, ({}, {}))[1].setdefault((host, port), [])
            if idle:
                connection = idle.pop()
                connection.context = self
            else:
                connection = await self.abi.network.tcp(self, host, port)
            self.taken.append((idle, connection))
        else:
            connection = await self.abi.network.tcp(self, host, port)
            self.opened.append(connection)
        return connection

    async def udp(self, host: str, port: int):
        """Return a UDP socket that talks to one address, closed when the action ends."""
        datagrams = await self.abi.network.udp(self, host, port)
        self.opened.append(datagrams)
        return datagrams

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        until = clock.now() + int(seconds * 1e9)
        ready = Ready(lambda: clock.subscribe_instant(until))
        try:
            await ready
        finally:
            ready.drop()

    def measure(self, name: str, value: float) -> None:
        """Note a measure of the call."""
        at = self.action.measures.get(name)
        if at is not None:
            self.measures.append((at, float(value)))

    def release(self, *, broken: bool) -> None:
        """Close what was opened, and give back what is kept."""
        for connection in self.opened:
            connection.close()
        for idle, connection in self.taken:
            if broken:
                connection.close()
            elif connection.open:
                idle.append(connection)
        self.opened = self.taken = ()
