#!/usr/bin/env python3
"""A handler for `kreplay run --handler 'exec:python3 handler.py'`: the protocol is described in docs/exec.md.

It stores the last value of each key in an SQLite table. A record is committed before it is acknowledged.
"""

import json
import sqlite3
import sys


class NotNow(Exception):
    """The record can be handled later."""


def handle(database, record):
    """Handles one record. Any exception fails that record."""
    if record["key"] is None:
        raise ValueError("the record has no key")
    database.execute(
        "INSERT INTO latest (key, value, position) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE"
        " SET value = excluded.value, position = excluded.position",
        (text(record["key"]), text(record["value"]), f"{record['topic']}-{record['partition']}-{record['offset']}"),
    )


def text(field):
    """Keys and values are text, null, or {"base64": "…"} for bytes that are not UTF-8."""
    return field["base64"] if isinstance(field, dict) else field


def main():
    database = sqlite3.connect(sys.argv[1] if len(sys.argv) > 1 else "latest.sqlite", timeout=10)
    database.execute("CREATE TABLE IF NOT EXISTS latest (key TEXT PRIMARY KEY, value TEXT, position TEXT)")
    database.commit()
    for line in sys.stdin:
        record = json.loads(line)
        answer = {"id": record["id"]}
        try:
            with database:
                handle(database, record)
            answer["ok"] = True
        except sqlite3.OperationalError as error:
            answer.update(error=str(error), retry_after="1s")
        except ValueError as error:
            answer.update(error=str(error), give_up=True)
        except Exception as error:  # Retried by the run's retry schedule.
            answer["error"] = f"{type(error).__name__}: {error}"
        # Standard output is only for acknowledgements. Messages go to standard error.
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
