-- The data keys of segments, each wrapped under the master key. `id` is the segment's; it is given here,
-- and never twice: a segment that was shredded stays so, whichever copy of the other file is put beside.
-- Shredding deletes rows.
CREATE TABLE segment_key (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    wrapped BLOB NOT NULL
) STRICT;
