-- Ledger format 2: orders of several lines, titles and descriptions. An entry of format 1 is line 1 of 1.
ALTER TABLE ledger ADD COLUMN line INTEGER NOT NULL DEFAULT 1;
ALTER TABLE ledger ADD COLUMN lines INTEGER NOT NULL DEFAULT 1;
ALTER TABLE ledger ADD COLUMN title TEXT;
ALTER TABLE ledger ADD COLUMN topic TEXT;
ALTER TABLE ledger ADD COLUMN author TEXT;

CREATE UNIQUE INDEX IF NOT EXISTS ledger_ord_line ON ledger (ord, line) WHERE ord IS NOT NULL;
DROP INDEX IF EXISTS ledger_ord;
