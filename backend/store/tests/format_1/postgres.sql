CREATE TABLE books (
    item bigint NOT NULL,
    title text NOT NULL,
    author text,
    topic text NOT NULL,
    cost_cents bigint NOT NULL,
    stock bigint NOT NULL,
    seq bigint NOT NULL
);
CREATE TABLE ledger (
    seq bigint NOT NULL,
    at_micros bigint NOT NULL,
    kind text NOT NULL,
    item bigint NOT NULL,
    quantity bigint,
    change bigint NOT NULL,
    stock_after bigint,
    ord uuid,
    unit_cost_cents bigint,
    reason text,
    batch bigint NOT NULL
);
CREATE TABLE meta (
    key text NOT NULL,
    value text NOT NULL
);
CREATE TABLE notes (
    name text NOT NULL,
    content bytea NOT NULL
);
INSERT INTO books VALUES (3, 'Xen and the Art of Surviving Graduate School', NULL, 'graduate school', 7500, 3, 21);
INSERT INTO books VALUES (1, 'How to get a good grade in 677 in 20 minutes a day', NULL, 'distributed systems', 3000, 4, 24);
INSERT INTO books VALUES (2, 'RPCs for Dummies', 'Birrell, A.', 'distributed systems', 4500, 32, 26);
INSERT INTO books VALUES (4, 'Cooking, for the "Impatient" Graduate Student', 'Crab, E.', 'graduate school', 15000, 40, 29);
INSERT INTO books VALUES (9, '戰爭與和平', 'Лев Толстой', 'literature', 999, 5, 31);
INSERT INTO ledger VALUES (1, 1795839611576135, 'set', 1, NULL, 5, 5, NULL, 3000, NULL, 1);
INSERT INTO ledger VALUES (2, 1795839611576135, 'set', 2, NULL, 40, 40, NULL, 4000, NULL, 1);
INSERT INTO ledger VALUES (3, 1795839611576135, 'set', 3, NULL, 3, 3, NULL, 7500, NULL, 1);
INSERT INTO ledger VALUES (4, 1795839611576135, 'set', 4, NULL, 50, 50, NULL, 15000, NULL, 1);
INSERT INTO ledger VALUES (5, 1795839611576135, 'set', 7, NULL, 9, 9, NULL, 1250, NULL, 1);
INSERT INTO ledger VALUES (6, 1795839611668518, 'sold', 1, 1, -1, 4, '0190b6d5-7f3c-7cc0-8000-000000000001', 3000, NULL, 6);
INSERT INTO ledger VALUES (7, 1795839611680242, 'sold', 2, 2, -2, 38, '0190b6d5-7f3c-7cc0-8000-000000000002', 4000, NULL, 7);
INSERT INTO ledger VALUES (8, 1795839611687945, 'sold', 3, 3, -3, 0, '0190b6d5-7f3c-7cc0-8000-000000000003', 7500, NULL, 8);
INSERT INTO ledger VALUES (9, 1795839611699259, 'refused', 3, 1, 0, 0, '0190b6d5-7f3c-7cc0-8000-000000000004', 7500, 'sold-out', 9);
INSERT INTO ledger VALUES (10, 1795839611707930, 'sold', 4, 1, -1, 49, '0190b6d5-7f3c-7cc0-8000-000000000005', 15000, NULL, 10);
INSERT INTO ledger VALUES (11, 1795839611713298, 'sold', 7, 2, -2, 7, '0190b6d5-7f3c-7cc0-8000-000000000006', 1250, NULL, 11);
INSERT INTO ledger VALUES (12, 1795839611723817, 'sold', 2, 1, -1, 37, '0190b6d5-7f3c-7cc0-8000-000000000007', 4000, NULL, 12);
INSERT INTO ledger VALUES (13, 1795839611739703, 'refused', 1, 5, 0, 4, '0190b6d5-7f3c-7cc0-8000-000000000008', 3000, 'sold-out', 13);
INSERT INTO ledger VALUES (14, 1795839611762138, 'refused', 99, 1, 0, NULL, '0190b6d5-7f3c-7cc0-8000-000000000009', NULL, 'unknown-item', 14);
INSERT INTO ledger VALUES (15, 1795839611775218, 'refused', 9, 1, 0, NULL, '0190b6d5-7f3c-7cc0-8000-00000000000a', NULL, 'unknown-item', 15);
INSERT INTO ledger VALUES (16, 1795839611795124, 'restocked', 3, NULL, 4, 4, '00000000-0000-0000-0000-000000007000', 7500, NULL, 16);
INSERT INTO ledger VALUES (17, 1795839611817251, 'set', 4, NULL, 11, 60, '01a22061-d3a9-7772-af6a-5c7b006bb23c', 15000, NULL, 17);
INSERT INTO ledger VALUES (18, 1795839613740464, 'withdrawn', 7, NULL, -7, 0, NULL, 1250, NULL, 18);
INSERT INTO ledger VALUES (19, 1795839613740464, 'set', 1, NULL, 1, 5, NULL, 3000, NULL, 18);
INSERT INTO ledger VALUES (20, 1795839613740464, 'set', 2, NULL, -2, 35, NULL, 4500, NULL, 18);
INSERT INTO ledger VALUES (21, 1795839613740464, 'set', 3, NULL, -1, 3, NULL, 7500, NULL, 18);
INSERT INTO ledger VALUES (22, 1795839613740464, 'set', 4, NULL, -10, 50, NULL, 15000, NULL, 18);
INSERT INTO ledger VALUES (23, 1795839613740464, 'set', 9, NULL, 4, 4, NULL, 999, NULL, 18);
INSERT INTO ledger VALUES (24, 1795839613906569, 'sold', 1, 1, -1, 4, '0190b6d5-7f3c-7cc0-8000-00000000000b', 3000, NULL, 24);
INSERT INTO ledger VALUES (25, 1795839613915955, 'sold', 9, 2, -2, 2, '0190b6d5-7f3c-7cc0-8000-00000000000c', 999, NULL, 25);
INSERT INTO ledger VALUES (26, 1795839613922869, 'sold', 2, 3, -3, 32, '0190b6d5-7f3c-7cc0-8000-00000000000d', 4500, NULL, 26);
INSERT INTO ledger VALUES (27, 1795839613929759, 'refused', 7, 1, 0, NULL, '0190b6d5-7f3c-7cc0-8000-00000000000e', NULL, 'unknown-item', 27);
INSERT INTO ledger VALUES (28, 1795839613943762, 'refused', 9, 3, 0, 2, '0190b6d5-7f3c-7cc0-8000-00000000000f', 999, 'sold-out', 28);
INSERT INTO ledger VALUES (29, 1795839613953045, 'sold', 4, 10, -10, 40, '0190b6d5-7f3c-7cc0-8000-000000000010', 15000, NULL, 29);
INSERT INTO ledger VALUES (30, 1795839613964670, 'set', 9, NULL, 4, 6, '01a22061-dc0c-7214-ac77-4015b23157a4', 999, NULL, 30);
INSERT INTO ledger VALUES (31, 1795839613971177, 'sold', 9, 1, -1, 5, '0190b6d5-7f3c-7cc0-8000-000000000011', 999, NULL, 31);
INSERT INTO meta VALUES ('store', '01a22061-d283-77d7-a31d-83383a2c2508');
INSERT INTO meta VALUES ('schema', '2');
ALTER TABLE ONLY books
    ADD CONSTRAINT books_pkey PRIMARY KEY (item);
ALTER TABLE ONLY ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (key);
ALTER TABLE ONLY notes
    ADD CONSTRAINT notes_pkey PRIMARY KEY (name);
CREATE UNIQUE INDEX ledger_ord ON ledger USING btree (ord);
