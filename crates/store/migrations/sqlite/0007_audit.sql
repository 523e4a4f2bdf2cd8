-- Who did what to which tenant. Records arrive at the end and are never changed; the oldest leave when
-- they were kept long enough, and the mark `cut` says up to where. What is in a record is sealed, and
-- bound to the one before it; the mark `head` is the newest.
CREATE TABLE audit (
    number INTEGER PRIMARY KEY CHECK (number > 0),
    at     INTEGER NOT NULL,
    tenant TEXT,
    deed   TEXT    NOT NULL,
    sealed BLOB    NOT NULL
) STRICT;

CREATE TABLE audit_mark (
    kind   TEXT    PRIMARY KEY CHECK (kind IN ('cut', 'head')),
    number INTEGER NOT NULL,
    link   BLOB    NOT NULL,
    sealed BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_begins_after_its_end BEFORE INSERT ON audit
WHEN new.number <> max(
    coalesce((SELECT max(number) FROM audit), 0),
    coalesce((SELECT number FROM audit_mark WHERE kind = 'cut'), 0)
) + 1
BEGIN SELECT raise(ABORT, 'the audit trail has no gaps'); END;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'the audit trail is never changed'); END;

CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
WHEN old.number > coalesce((SELECT number FROM audit_mark WHERE kind = 'cut'), 0)
BEGIN SELECT raise(ABORT, 'the audit trail is cut at its mark only'); END;

CREATE TRIGGER audit_mark_goes_on BEFORE UPDATE ON audit_mark
WHEN new.kind <> old.kind OR new.number < old.number
BEGIN SELECT raise(ABORT, 'a mark of the audit trail never goes back'); END;

CREATE TRIGGER audit_mark_stays BEFORE DELETE ON audit_mark
BEGIN SELECT raise(ABORT, 'a mark of the audit trail is never removed'); END;
