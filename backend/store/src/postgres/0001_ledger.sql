-- What the store is: `store` its id, `schema` the number of the last of these files.
CREATE TABLE IF NOT EXISTS meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- The decisions, in order. `batch` is the first entry written in the same transaction.
CREATE TABLE IF NOT EXISTS ledger (
    seq BIGINT NOT NULL PRIMARY KEY,
    at_micros BIGINT NOT NULL,
    kind TEXT NOT NULL,
    item BIGINT NOT NULL,
    quantity BIGINT,
    change BIGINT NOT NULL,
    stock_after BIGINT,
    ord UUID,
    unit_cost_cents BIGINT,
    reason TEXT,
    batch BIGINT NOT NULL
);

-- Entries without an order are many, and all different here: NULL equals nothing.
CREATE UNIQUE INDEX IF NOT EXISTS ledger_ord ON ledger (ord);

-- The books as they stand after the last decision.
CREATE TABLE IF NOT EXISTS books (
    item BIGINT NOT NULL PRIMARY KEY,
    title TEXT NOT NULL,
    author TEXT,
    topic TEXT NOT NULL,
    cost_cents BIGINT NOT NULL,
    stock BIGINT NOT NULL,
    seq BIGINT NOT NULL
);
