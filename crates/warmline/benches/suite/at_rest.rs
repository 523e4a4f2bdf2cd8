//! What sealing for the store costs: what a callback has sealed is an entry of the log and where its
//! conversation stands. Blobs of the same lengths, as the database has them after the rounds, are sealed
//! here one after another. There is no gateway that does not seal, so that the way without it is what is
//! left of the gateway's processor time.

use std::{hint::black_box, path::Path, time::Instant};

use anyhow::Context;
use rusqlite::{Connection, OpenFlags};
use vault::{MasterKey, Vault};

use crate::{
    load::as_f64,
    report::{Figure, Kind, Row},
};

/// How many messages' blobs are sealed in a round.
const MESSAGES: usize = 20_000;

/// What a blob is bound to is about so long, in bytes: its kind, its number and the conversation's key.
const PLACE: [u8; 96] = [7; 96];

/// The newest rows whose lengths count: those of the rounds, not those from before.
const LENGTH: [&str; 2] = [
    "SELECT avg(length(sealed)) FROM (SELECT sealed FROM log ORDER BY rowid DESC LIMIT 1000)",
    "SELECT avg(length(state)) FROM conversation WHERE state IS NOT NULL",
];

/// What a message's sealing takes, by the lengths in the database of this gateway; and its whole cost as a
/// ratio to what is left without. `whole` is what a message costs the gateway.
pub(crate) fn measure(data: &Path, whole: &Figure, rounds: usize) -> anyhow::Result<[Row; 2]> {
    let [entry, state] = lengths(data)?;
    let vault = Vault::new(&MasterKey::generate()?)?;
    vault.take(vault.fresh_ring(0)?);
    let record = vault.record_key(&PLACE)?;
    let (key, _) = vault.new_data_key(&PLACE)?;
    let mut spent = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let began = Instant::now();
        for _ in 0..MESSAGES {
            black_box(key.seal(&PLACE, black_box(&entry))?);
            black_box(record.seal(&PLACE, black_box(&state))?);
        }
        spent.push(began.elapsed().as_secs_f64() * 1e6 / as_f64(MESSAGES));
    }
    let without = whole.rounds().iter().zip(&spent).map(|(whole, spent)| whole - spent).collect();
    let figure = |kind: Kind, rounds| Figure::of(kind, rounds).context("there were rounds");
    let ratio = Figure::ratio(whole, &figure(whole.kind, without)?).context("there is a ratio")?;
    let case = format!("sealing of it ({} and {} bytes)", entry.len(), state.len());
    Ok([
        Row { case, figures: vec![figure(whole.kind, spent)?] },
        Row { case: "gateway / gateway less sealing".to_owned(), figures: vec![ratio] },
    ])
}

fn lengths(data: &Path) -> anyhow::Result<[Vec<u8>; 2]> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(data.join("warmline.db"), flags)?;
    let length = |question: &str| -> anyhow::Result<Vec<u8>> {
        let length = database.query_row(question, [], |row| row.get::<_, f64>(0))?;
        Ok(vec![b'x'; format!("{length:.0}").parse()?])
    };
    Ok([length(LENGTH[0])?, length(LENGTH[1])?])
}
