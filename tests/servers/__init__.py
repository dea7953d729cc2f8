"""Real servers for the tests: PostgreSQL, MariaDB, Valkey, Redis, and a TCP proxy that misbehaves on demand.

Nothing here needs a container or a service that was started beforehand. Each server keeps its data in a
temporary folder, listens on a free port of 127.0.0.1 and dies with the process that started it.

    with PostgresServer.start() as server:
        url = server.create_database("orders")
        server.kill()       # SIGKILL of every server process, as a crash would
        server.restart()    # same data, same port
"""

from tests.servers.availability import start_or_skip
from tests.servers.mariadb import MariaDBServer
from tests.servers.postgres import PostgresServer
from tests.servers.processes import ServerFailed, ServerUnavailable
from tests.servers.redis import RedisCluster, RedisServer
from tests.servers.tcp_proxy import TcpProxy

__all__ = [
    "MariaDBServer",
    "PostgresServer",
    "RedisCluster",
    "RedisServer",
    "ServerFailed",
    "ServerUnavailable",
    "TcpProxy",
    "start_or_skip",
]
