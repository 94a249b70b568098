-- What follows from the ledger and only saves time.
CREATE TABLE IF NOT EXISTS notes (
    name TEXT NOT NULL PRIMARY KEY,
    content BLOB NOT NULL
);
