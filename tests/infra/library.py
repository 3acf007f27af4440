"""The eventsourcing library's own recorder, on our database."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg.conninfo
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore


@contextmanager
def library_recorder(url: str, connections: int = 1) -> Iterator[PostgresApplicationRecorder]:
    given = psycopg.conninfo.conninfo_to_dict(url)
    with PostgresDatastore(
        dbname=str(given["dbname"]),
        host=str(given["host"]),
        port=str(given.get("port", 5432)),
        user=str(given["user"]),
        password=str(given["password"]),
        pool_size=connections,
    ) as datastore:
        recorder = PostgresApplicationRecorder(datastore)
        recorder.create_table()
        yield recorder
