-- What the store is: `store` its id, `schema` the number of the last of these files.
CREATE TABLE IF NOT EXISTS meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- The decisions, in order. `batch` is the first entry written in the same transaction.
CREATE TABLE IF NOT EXISTS ledger (
    seq INTEGER NOT NULL PRIMARY KEY,
    at_micros INTEGER NOT NULL,
    kind TEXT NOT NULL,
    item INTEGER NOT NULL,
    quantity INTEGER,
    change INTEGER NOT NULL,
    stock_after INTEGER,
    ord BLOB,
    unit_cost_cents INTEGER,
    reason TEXT,
    batch INTEGER NOT NULL
);

CREATE UNIQUE INDEX IF NOT EXISTS ledger_ord ON ledger (ord) WHERE ord IS NOT NULL;

-- The books as they stand after the last decision.
CREATE TABLE IF NOT EXISTS books (
    item INTEGER NOT NULL PRIMARY KEY,
    title TEXT NOT NULL,
    author TEXT,
    topic TEXT NOT NULL,
    cost_cents INTEGER NOT NULL,
    stock INTEGER NOT NULL,
    seq INTEGER NOT NULL
);
