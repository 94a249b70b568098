-- Ledger format 2: orders of several lines, titles and descriptions. An entry of format 1 is line 1 of 1.
ALTER TABLE ledger ADD COLUMN IF NOT EXISTS line BIGINT NOT NULL DEFAULT 1;
ALTER TABLE ledger ADD COLUMN IF NOT EXISTS lines BIGINT NOT NULL DEFAULT 1;
ALTER TABLE ledger ADD COLUMN IF NOT EXISTS title TEXT;
ALTER TABLE ledger ADD COLUMN IF NOT EXISTS topic TEXT;
ALTER TABLE ledger ADD COLUMN IF NOT EXISTS author TEXT;

-- A catalog of an older version that still runs cannot append any more.
ALTER TABLE ledger ALTER COLUMN line DROP DEFAULT;

CREATE UNIQUE INDEX IF NOT EXISTS ledger_ord_line ON ledger (ord, line);
DROP INDEX IF EXISTS ledger_ord CASCADE;
