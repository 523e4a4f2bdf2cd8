-- The rows of `conversation` as they stand after the newest transactions, one row a transaction.
-- With every message its conversation stands elsewhere, and to write the row in `conversation` is to
-- write its whole page; here those of a transaction lie side by side. What is older than the newest
-- few thousand records is written to its row: many messages, one write.
-- `rows` holds the records; see `journal.rs`. Whoever opens the file folds them in before anything
-- else.
-- Rows leave from the oldest on. The newest one stays, so that no id is used twice.
CREATE TABLE journal (
    id   INTEGER PRIMARY KEY,
    rows BLOB    NOT NULL
) STRICT;

-- The row of `journal` up to which this row has been brought; newer records follow there.
ALTER TABLE conversation ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;
