//! What lies in the journal when a process dies, and what the next one makes of it.

use std::collections::BTreeMap;
use std::path::Path;

use session::id::{BotId, ChannelId, ConversationKey, Number, TenantId, Timestamp};

use super::SqliteStore;
use crate::contract::segment;
use crate::{
    Answer, Changes, ConversationChange, ConversationId, NewEntry, NewRepeat, RepeatKey, Store,
    StoreError, Target,
};

/// So few that nearly every transaction lets something leave the journal.
const RECORDS: usize = 3;

pub(crate) fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open_with(dir, RECORDS).unwrap()
}

/// A copy of the files of an open store: what a crash would leave.
pub(crate) fn files_as_they_are(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["warmline.db", "warmline.db-wal", "keys.db", "keys.db-wal"] {
        std::fs::copy(dir.join(name), copy.path().join(name)).unwrap();
    }
    copy
}

const CONVERSATIONS: usize = 7;

/// A generator that makes the same numbers every time.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// What should be stored of one conversation.
#[derive(Debug, Default, Clone, PartialEq)]
struct Told {
    state: Option<Vec<u8>>,
    deadline: Option<i64>,
    set_aside: bool,
    entries: Vec<Vec<u8>>,
    keys: BTreeMap<i64, u64>,
}

struct World {
    store: SqliteStore,
    dir: tempfile::TempDir,
    ids: Vec<ConversationId>,
    told: Vec<Told>,
    next_key: i64,
}

#[derive(Debug, thiserror::Error)]
#[error("on purpose")]
struct OnPurpose;

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let mut ids = Vec::new();
        let targets: Vec<Target> = (0..CONVERSATIONS).map(|nth| Target::Key(key(nth))).collect();
        store
            .transact(&mut |transaction| {
                let found = transaction.resolve(&targets.iter().collect::<Vec<_>>())?;
                ids = found.into_iter().map(|found| found.unwrap().conversation.id).collect();
                Ok(())
            })
            .unwrap();
        let told = vec![Told::default(); CONVERSATIONS];
        Self { store, dir, ids, told, next_key: 1 }
    }

    /// A batch that changes some conversations, or is undone at the last moment.
    fn batch(&mut self, dice: &mut Dice) {
        let mut told = self.told.clone();
        let mut changes = Changes::default();
        for _ in 0..=dice.roll(4) {
            let nth = usize::try_from(dice.roll(CONVERSATIONS as u64)).unwrap();
            self.change(nth, &mut told[nth], &mut changes, dice);
        }
        let undone = dice.roll(5) == 0;
        let saved = self.store.transact(&mut |transaction| {
            transaction.save(&changes)?;
            if undone { Err(StoreError::Database(Box::new(OnPurpose))) } else { Ok(()) }
        });
        assert_eq!(saved.is_err(), undone);
        if !undone {
            self.told = told;
        }
    }

    fn change(&mut self, nth: usize, told: &mut Told, changes: &mut Changes, dice: &mut Dice) {
        let id = self.ids[nth];
        let mut change = ConversationChange {
            id,
            state: None,
            deadline: None,
            new_segment: (told.entries.is_empty() || dice.roll(6) == 0)
                .then(|| segment(format!("key {}", dice.roll(100)).as_bytes())),
            entries: Vec::new(),
        };
        if dice.roll(3) > 0 {
            let state = format!("state {}", dice.roll(1_000)).into_bytes();
            let deadline = (dice.roll(2) == 0).then(|| i64::try_from(dice.roll(1_000)).unwrap());
            change.state = Some(state.as_slice().into());
            change.deadline = deadline.map(Timestamp);
            (told.state, told.deadline, told.set_aside) = (Some(state), deadline, false);
        }
        for _ in 0..dice.roll(20) {
            let number = told.entries.len() as u64 + 1;
            let sealed = format!("{number} of {nth}").into_bytes();
            told.entries.push(sealed.clone());
            change.entries.push(NewEntry { number: Number(number), at: Timestamp(0), sealed });
        }
        changes.conversations.push(change);
        // Enough that answers go to the table.
        for _ in 0..dice.roll(90) {
            let (key, number) = (self.next_key, dice.roll(1_000));
            self.next_key += 1;
            told.keys.insert(key, number);
            let (key, answer) = (RepeatKey(key), Answer(Number(number)));
            changes.repeats.push(NewRepeat { conversation: id, key, answer, at: Timestamp(0) });
        }
        if dice.roll(8) == 0 && !changes.set_aside.contains(&id) {
            changes.set_aside.push(id);
            told.set_aside = true;
        }
        // Set aside after all else of its batch; a state that comes after that takes it back.
        told.set_aside = changes.set_aside.contains(&id) || told.set_aside;
    }

    fn crash(&mut self) {
        let dir = files_as_they_are(self.dir.path());
        self.store = open(dir.path());
        self.dir = dir;
    }

    fn close_and_open(&mut self) {
        let dir = files_as_they_are(self.dir.path());
        drop(open(dir.path()));
        self.store = open(dir.path());
        self.dir = dir;
    }

    fn check(&self) {
        let mut due = Vec::new();
        for (id, told) in self.ids.iter().zip(&self.told) {
            let row = self.store.conversation_by_id(*id).unwrap().unwrap();
            assert_eq!(row.state.as_deref(), told.state.as_deref());
            let entries = self.store.entries_after(*id, Number(0), 1_000).unwrap();
            let newest = told.entries.len().saturating_sub(10) as u64;
            assert_eq!(entries.len(), told.entries.len().min(1_000));
            assert!(entries.iter().zip(&told.entries).all(|(entry, told)| entry.sealed == *told));
            let last = self.store.entries_after(*id, Number(newest), 10).unwrap();
            assert!(last.iter().rev().zip(told.entries.iter().rev()).all(|(a, b)| a.sealed == *b));
            due.extend(told.deadline.filter(|_| !told.set_aside).map(|at| (at, *id)));
            self.check_keys(*id, told);
        }
        due.sort_unstable();
        let listed = self.store.due(Timestamp(2_000), 100).unwrap();
        assert_eq!(listed, due.iter().map(|(at, id)| (*id, Timestamp(*at))).collect::<Vec<_>>());
        assert_eq!(self.store.next_deadline().unwrap(), due.first().map(|(at, _)| Timestamp(*at)));
    }

    fn check_keys(&self, id: ConversationId, told: &Told) {
        // Some from everywhere.
        let step = usize::try_from(self.next_key / 64 + 1).unwrap();
        let keys: Vec<_> =
            (1..self.next_key).rev().step_by(step).map(|key| (id, RepeatKey(key))).collect();
        let mut answers = Vec::new();
        self.store
            .transact(&mut |transaction| {
                answers = transaction.repeats(&keys)?;
                Ok(())
            })
            .unwrap();
        for ((_, RepeatKey(key)), answer) in keys.iter().zip(answers) {
            assert_eq!(answer.map(|Answer(number)| number.0), told.keys.get(key).copied());
        }
    }
}

fn key(nth: usize) -> ConversationKey {
    named(&format!("c{nth}"))
}

/// The key of a conversation of this name.
pub(super) fn named(name: &str) -> ConversationKey {
    ConversationKey {
        tenant: TenantId::new("acme").unwrap(),
        channel: ChannelId::new("directline").unwrap(),
        bot: BotId::new("default").unwrap(),
        conversation: name.into(),
        user: "zoe".into(),
    }
}

#[test]
fn whatever_was_committed_is_there_after_any_crash() {
    for seed in 1..=3 {
        let (mut world, mut dice) = (World::new(), Dice(0x9E37_79B9_7F4A_7C15 ^ seed));
        for _ in 0..40 {
            world.batch(&mut dice);
            match dice.roll(8) {
                0 => world.crash(),
                1 => world.close_and_open(),
                _ => {}
            }
            world.check();
        }
    }
}

#[test]
fn a_start_gives_what_was_set_aside_another_try_wherever_it_stands() {
    let mut world = World::new();
    let mut dice = Dice(7);
    for _ in 0..20 {
        world.batch(&mut dice);
    }
    world.store.take_over(crate::BootId(2)).unwrap();
    world.told.iter_mut().for_each(|told| told.set_aside = false);
    world.check();
    world.crash();
    world.check();
}

#[test]
fn the_journal_keeps_to_its_bound() {
    let mut world = World::new();
    let mut dice = Dice(11);
    for _ in 0..50 {
        world.batch(&mut dice);
        let rows: i64 = rusqlite::Connection::open(world.dir.path().join("warmline.db"))
            .unwrap()
            .query_row("SELECT count(*) FROM journal", [], |row| row.get(0))
            .unwrap();
        assert!(rows <= i64::try_from(RECORDS).unwrap(), "{rows} rows");
    }
}

#[test]
fn a_torn_journal_is_damage_and_not_a_shorter_one() {
    let mut world = World::new();
    world.batch(&mut Dice(3));
    world.batch(&mut Dice(5));
    for torn in [
        "UPDATE journal SET rows = substr(rows, 1, length(rows) - 1)",
        "UPDATE journal SET rows = x'' WHERE id = (SELECT max(id) FROM journal)",
    ] {
        let dir = files_as_they_are(world.dir.path());
        let connection = rusqlite::Connection::open(dir.path().join("warmline.db")).unwrap();
        assert!(connection.execute(torn, []).unwrap() > 0);
        connection.close().unwrap();
        let opened = SqliteStore::open_with(dir.path(), RECORDS);
        let damaged = matches!(opened, Err(StoreError::Damaged { table: "journal", .. }));
        assert!(damaged, "{torn}");
    }
}
