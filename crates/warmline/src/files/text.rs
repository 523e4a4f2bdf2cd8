//! Files as a person reads of them.

use gateway::control::{FilesDropped, FilesPlaceAccepted, FilesTaken};

/// What a table says of one tenant, or of all.
type Row = [String; 5];

/// A table: each tenant that has files, and all together.
pub(super) fn list(taken: &FilesTaken) -> String {
    let heading = ["TENANT", "TAKEN", "OF", "BY STRANGERS", "OF"].map(str::to_owned);
    let tenants = taken.tenants.iter().map(|of| {
        let (room, strangers) = (taken.room_of_tenant, taken.room_of_strangers);
        row(&of.tenant, [of.bytes, room, of.of_strangers, strangers].map(amount))
    });
    let all = [amount(taken.bytes), amount(taken.room), amount(taken.of_strangers), String::new()];
    let rows: Vec<Row> = [heading].into_iter().chain(tenants).chain([row("(all)", all)]).collect();
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |row: &Row| {
        let cells = row.iter().zip(widths).enumerate().map(|(at, (cell, width))| {
            if at == 0 { format!("{cell:width$}") } else { format!("{cell:>width$}") }
        });
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn row(tenant: &str, [taken, room, strangers, their_room]: [String; 4]) -> Row {
    [tenant.to_owned(), taken, room, strangers, their_room]
}

/// What became of a drop.
pub(super) fn dropped(dropped: FilesDropped) -> String {
    format!("{} files are dropped, {}.\n", dropped.files, amount(dropped.bytes))
}

/// What became of a place.
pub(super) fn accepted(accepted: FilesPlaceAccepted) -> String {
    let told = if accepted.changed {
        "the folder or bucket that is set is the place of the files from now on"
    } else {
        "the folder or bucket that is set is the one that is known; nothing was changed"
    };
    format!("{told}\n")
}

/// Bytes as a person reads them.
fn amount(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10 / 1_024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        (tenths, unit) = (tenths / 1_024, unit + 1);
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use gateway::control::TenantFiles;

    use super::*;

    #[test]
    fn a_table_says_who_fills_how_much_of_what() {
        let gigabyte = 1_u64 << 30;
        let tenant = |tenant: &str, bytes, of_strangers| TenantFiles {
            tenant: tenant.to_owned(),
            bytes,
            of_strangers,
        };
        let taken = FilesTaken {
            bytes: 3 * gigabyte / 2,
            of_strangers: gigabyte,
            room: 8 * gigabyte,
            room_of_tenant: 4 * gigabyte,
            room_of_strangers: gigabyte,
            tenants: vec![tenant("acme", gigabyte, gigabyte), tenant("b", gigabyte / 2, 0)],
        };
        assert_eq!(
            list(&taken),
            "TENANT     TAKEN      OF  BY STRANGERS      OF\n\
             acme      1.0 GB  4.0 GB        1.0 GB  1.0 GB\n\
             b       512.0 MB  4.0 GB           0 B  1.0 GB\n\
             (all)     1.5 GB  8.0 GB        1.0 GB\n"
        );
    }

    #[test]
    fn amounts_are_in_units_that_can_be_read() {
        for (bytes, words) in
            [(0, "0 B"), (1_023, "1023 B"), (1_024, "1.0 KB"), (1_600_000, "1.5 MB")]
        {
            assert_eq!(amount(bytes), words);
        }
    }
}
