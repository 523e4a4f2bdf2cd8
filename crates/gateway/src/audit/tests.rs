use session::id::SessionId;
use store::{AuditMark, AuditRow, AuditSource, StoreError};

use super::*;
use crate::bed::{Bed, Fault};

/// A trail with some records taken away or changed, as somebody with the file could.
struct Tampered<'a> {
    inner: &'a dyn AuditSource,
    change: fn(&mut Vec<AuditRow>),
    head: fn(Option<AuditMark>) -> Option<AuditMark>,
}

impl AuditSource for Tampered<'_> {
    fn audit_after(&self, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        let mut rows = self.inner.audit_after(after, limit)?;
        (self.change)(&mut rows);
        Ok(rows)
    }

    fn audit_upto(&self, upto: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        let mut rows = self.inner.audit_upto(upto, limit)?;
        (self.change)(&mut rows);
        Ok(rows)
    }

    fn audit_head(&self) -> Result<Option<AuditMark>, StoreError> {
        Ok((self.head)(self.inner.audit_head()?))
    }

    fn audit_cut(&self) -> Result<Option<AuditMark>, StoreError> {
        self.inner.audit_cut()
    }
}

fn wrapped(bed: &Bed) -> Option<Vec<u8>> {
    use store::Store;
    bed.store.setting(KEY_SETTING).unwrap()
}

fn whole(bed: &Bed, source: &dyn AuditSource) -> Result<Verified, Break> {
    verify(source, &bed.vault, wrapped(bed).as_deref(), None).unwrap()
}

fn all(bed: &Bed, query: &Query) -> Vec<Record> {
    find(&*bed.store, &bed.vault, wrapped(bed).as_deref(), query).unwrap()
}

fn who() -> Who {
    Who::Operator {
        name: Some("ada".into()),
        session: Some("0a1b2c3d".into()),
        address: Some([192, 0, 2, 7].into()),
    }
}

async fn four_records(bed: &Bed) -> Audit {
    let audit = bed.audit();
    let tenant = crate::bed::tenant();
    audit.record_now(Entry::of_gateway(Deed::Started)).await;
    audit.record_now(Entry::new(who(), Deed::SignIn)).await;
    let id = Some(SessionId::new("ses_1").unwrap());
    let ended = Entry::new(who(), Deed::SessionEnded { id }).of(Some(tenant)).with("session_over");
    audit.record_now(ended).await;
    audit.record_now(Entry::new(who(), Deed::SecretKept { name: "snow".into() })).await;
    audit
}

#[tokio::test]
async fn what_was_done_is_read_again_with_who_what_whose_and_how_it_ended() {
    let bed = Bed::new();
    four_records(&bed).await;
    let ended = Query { deed: Some(DeedName::SessionEnded), ..Query::default() };
    let found = all(&bed, &ended);
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((one.number, one.tenant.as_deref()), (3, Some("t")));
    assert_eq!((one.about(), one.outcome()), (Some("ses_1"), "session_over"));
    assert_eq!(one.who(), "operator ada from 192.0.2.7");
    assert_eq!(all(&bed, &Query { newest: 2, ..Query::default() }).len(), 2);
    let tenants = Some(vec![session::id::TenantId::new("another").unwrap()]);
    assert!(all(&bed, &Query { tenants, ..Query::default() }).is_empty());
    let later = Some(bed.clock.now().after(Duration::from_secs(1)));
    assert!(all(&bed, &Query { since: later, ..Query::default() }).is_empty());
}

#[tokio::test]
async fn a_trail_that_was_left_alone_is_whole_also_after_a_restart() {
    let bed = Bed::new();
    assert_eq!(whole(&bed, &*bed.store).unwrap().records, 0, "before its first record");
    four_records(&bed).await;
    // Another process opens it where it ends.
    bed.audit().record_now(Entry::of_gateway(Deed::Stopped)).await;
    let verified = whole(&bed, &*bed.store).unwrap();
    assert_eq!((verified.oldest, verified.records, verified.head.0), (1, 5, 5));
}

#[tokio::test]
async fn every_record_that_was_removed_changed_or_moved_is_found() {
    type Change = fn(&mut Vec<AuditRow>);
    let bed = Bed::new();
    four_records(&bed).await;
    let changes: [(Change, Break); 7] = [
        (|rows| drop(rows.remove(0)), Break::Missing { number: 1 }),
        (|rows| drop(rows.remove(1)), Break::Missing { number: 2 }),
        (|rows| drop(rows.pop()), Break::Head { head: 4, newest: 3 }),
        (|rows| rows[1].at.0 += 1, Break::Changed { number: 2 }),
        (|rows| rows[2].tenant = None, Break::Changed { number: 3 }),
        (|rows| rows[0].deed = "stopped".into(), Break::Changed { number: 1 }),
        (|rows| rows[2].sealed[20] ^= 1, Break::Changed { number: 3 }),
    ];
    for (change, expected) in changes {
        let source = Tampered { inner: &*bed.store, change, head: |head| head };
        assert_eq!(whole(&bed, &source).unwrap_err(), expected);
    }
    // Two that change places, and one that is there twice.
    let source = Tampered {
        inner: &*bed.store,
        change: |rows| {
            let sealed = rows[1].sealed.clone();
            rows[1].sealed = std::mem::replace(&mut rows[2].sealed, sealed);
        },
        head: |head| head,
    };
    assert_eq!(whole(&bed, &source).unwrap_err(), Break::Changed { number: 2 });
}

#[tokio::test]
async fn the_newest_records_cannot_be_taken_away_with_a_head_of_ones_own() {
    let bed = Bed::new();
    four_records(&bed).await;
    let source = Tampered {
        inner: &*bed.store,
        change: |rows| drop(rows.pop()),
        head: |head| head.map(|head| AuditMark { number: 3, ..head }),
    };
    assert!(matches!(whole(&bed, &source).unwrap_err(), Break::Head { .. }));
    let source = Tampered { inner: &*bed.store, change: Vec::clear, head: |_| None };
    // Whoever removes everything leaves a key behind and no head.
    assert_eq!(whole(&bed, &source).unwrap_err(), Break::Gone);
    let known = whole(&bed, &*bed.store).unwrap().head;
    let elsewhere = |source: &dyn AuditSource, known: &(u64, String)| {
        verify(source, &bed.vault, wrapped(&bed).as_deref(), Some(known)).unwrap()
    };
    assert!(elsewhere(&*bed.store, &known).is_ok());
    assert_eq!(elsewhere(&source, &known), Err(Break::Gone));
    let other = (known.0, known.1.replace(|_| true, "0"));
    assert_eq!(elsewhere(&*bed.store, &other), Err(Break::Elsewhere { number: 4 }));
}

#[tokio::test]
async fn another_master_key_reads_nothing() {
    let bed = Bed::new();
    four_records(&bed).await;
    let other = Vault::new(&vault::MasterKey::generate().unwrap()).unwrap();
    let found = find(&*bed.store, &other, wrapped(&bed).as_deref(), &Query::default());
    assert!(matches!(found, Err(AuditError::Key(_))));
}

#[tokio::test]
async fn old_records_are_cut_off_with_a_record_of_it_and_the_rest_is_whole() {
    let bed = Bed::new();
    let audit = four_records(&bed).await;
    audit.keep_for(Duration::from_hours(1));
    audit.cut().await;
    assert_eq!(all(&bed, &Query::default()).len(), 4, "they are young");
    bed.advance(Duration::from_hours(2));
    audit.record_now(Entry::of_gateway(Deed::SettingsRead)).await;
    audit.cut().await;
    let left = all(&bed, &Query::default());
    let names: Vec<_> = left.iter().map(|record| record.deed.as_str()).collect();
    assert_eq!(names, ["settings_read", "trail_cut"]);
    assert_eq!(left[1].about(), Some("4"));
    let verified = whole(&bed, &*bed.store).unwrap();
    assert_eq!((verified.oldest, verified.records), (5, 2));
}

#[tokio::test]
async fn a_flood_of_refusals_is_one_record_for_each_kind() {
    let bed = Bed::new();
    let audit = bed.audit();
    let tenant = crate::bed::tenant();
    for _ in 0..10_000 {
        audit.refused(RouteName::Webhook, "unauthorized", None);
        audit.refused(RouteName::Console, "wrong_password", Some(&tenant));
    }
    audit.gather_refusals();
    audit.write().await;
    let found = all(&bed, &Query::default());
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|record| record.count() == Some(10_000)));
    assert_eq!((found[0].about(), found[0].outcome()), (Some("webhook"), "unauthorized"));
    assert_eq!(found[0].who(), "callers");
}

#[tokio::test]
async fn a_disk_that_is_full_for_a_while_loses_no_record_and_a_long_one_counts_them() {
    let bed = Bed::new();
    let audit = bed.audit();
    bed.store.set(Fault::Full);
    audit.record_now(Entry::of_gateway(Deed::Started)).await;
    for _ in 0..WAITING_DEEDS_MAX + 4 {
        audit.put(Entry::new(who(), Deed::SignOut));
    }
    bed.store.set(Fault::None);
    audit.record_now(Entry::new(who(), Deed::SignIn)).await;
    let found = all(&bed, &Query::default());
    assert_eq!(found.len(), WAITING_DEEDS_MAX + 1);
    assert_eq!(found[0].deed, "started");
    let last = found.last().unwrap();
    assert_eq!((last.deed.as_str(), last.count()), ("records_lost", Some(6)));
    assert!(whole(&bed, &*bed.store).is_ok());
}

#[tokio::test]
async fn a_record_whose_giver_hangs_up_while_the_disk_refuses_it_is_not_lost() {
    let bed = Bed::new();
    let audit = bed.audit();
    bed.store.hold();
    let giver = {
        let audit = audit.clone();
        tokio::spawn(async move { audit.record_now(Entry::new(who(), Deed::SignIn)).await })
    };
    bed.store.stands_before_commit().await;
    giver.abort();
    assert!(giver.await.unwrap_err().is_cancelled());
    bed.store.set(Fault::Full);
    bed.store.release();
    // After the one that is being refused.
    drop(audit.0.writing.lock().await);
    bed.store.set(Fault::None);
    audit.record_now(Entry::new(who(), Deed::SignOut)).await;
    let found = all(&bed, &Query::default());
    let names: Vec<_> = found.iter().map(|record| record.deed.as_str()).collect();
    assert_eq!(names, ["sign_in", "sign_out"]);
}

#[tokio::test]
async fn a_commit_that_fails_and_is_durable_stops_no_later_record() {
    let bed = Bed::new();
    let audit = bed.audit();
    audit.record_now(Entry::of_gateway(Deed::Started)).await;
    bed.store.set(Fault::KeepsAndFails);
    audit.record_now(Entry::new(who(), Deed::SignIn)).await;
    bed.store.set(Fault::None);
    audit.record_now(Entry::new(who(), Deed::SignOut)).await;
    let found = all(&bed, &Query::default());
    let names: Vec<_> = found.iter().map(|record| record.deed.as_str()).collect();
    assert_eq!(names, ["started", "sign_in", "sign_out"], "each of them once");
    assert_eq!(whole(&bed, &*bed.store).unwrap().records, 3);
}

#[tokio::test]
async fn strangers_at_the_door_use_up_no_operators_records_nor_does_another_operator() {
    let bed = Bed::new();
    let audit = bed.audit();
    let denied = || Entry::new(who(), Deed::Denied { route: "sessions" }).with("role_forbids");
    for _ in 0..ATTEMPTS_PER_MINUTE_MAX + 5 {
        audit.attempted(Entry::new(who(), Deed::SignIn).with("wrong_password"));
    }
    for _ in 0..DENIALS_PER_MINUTE_MAX + 5 {
        audit.denied("bob", denied());
    }
    audit.denied("ada", denied());
    audit.write().await;
    let of = |deed| all(&bed, &Query { deed: Some(deed), ..Query::default() }).len();
    assert_eq!(of(DeedName::SignIn), ATTEMPTS_PER_MINUTE_MAX);
    assert_eq!(of(DeedName::Denied), DENIALS_PER_MINUTE_MAX + 1);
    // The next minute begins anew.
    audit.gather_refusals();
    audit.denied("bob", denied());
    audit.write().await;
    assert_eq!(of(DeedName::Denied), DENIALS_PER_MINUTE_MAX + 2);
}

/// A source that counts the records it gives.
struct Counted<'a>(&'a dyn AuditSource, std::cell::Cell<usize>);

impl AuditSource for Counted<'_> {
    fn audit_after(&self, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        let rows = self.0.audit_after(after, limit)?;
        self.1.set(self.1.get() + rows.len());
        Ok(rows)
    }

    fn audit_upto(&self, upto: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        let rows = self.0.audit_upto(upto, limit)?;
        self.1.set(self.1.get() + rows.len());
        Ok(rows)
    }

    fn audit_head(&self) -> Result<Option<AuditMark>, StoreError> {
        self.0.audit_head()
    }

    fn audit_cut(&self) -> Result<Option<AuditMark>, StoreError> {
        self.0.audit_cut()
    }
}

#[tokio::test]
async fn whoever_wants_the_newest_few_reads_few_and_all_come_in_their_order() {
    let bed = Bed::new();
    let audit = bed.audit();
    for n in 0..1_200 {
        let deed = if n % 100 == 0 { Deed::SignIn } else { Deed::SignOut };
        audit.put(Entry::new(who(), deed));
    }
    audit.write().await;
    let numbers = |query: &Query| -> (Vec<u64>, usize) {
        let counted = Counted(&*bed.store, std::cell::Cell::new(0));
        let found = find(&counted, &bed.vault, wrapped(&bed).as_deref(), query).unwrap();
        (found.iter().map(|record| record.number).collect(), counted.1.get())
    };
    let (newest, read) = numbers(&Query { newest: 3, ..Query::default() });
    assert_eq!(newest, [1_198, 1_199, 1_200]);
    assert!(read <= 3 + 1, "{read}");
    assert_eq!(numbers(&Query::default()).0, (1..=1_200).collect::<Vec<_>>());
    let signed_in = Query { deed: Some(DeedName::SignIn), newest: 4, ..Query::default() };
    assert_eq!(numbers(&signed_in).0, [801, 901, 1_001, 1_101]);
    assert_eq!(numbers(&Query { newest: 0, ..signed_in }).0.len(), 12);
}

#[tokio::test]
async fn a_record_that_was_changed_or_lost_its_predecessor_is_shown_as_damaged() {
    type Change = fn(&mut Vec<AuditRow>);
    let bed = Bed::new();
    four_records(&bed).await;
    // The newest first.
    let changes: [(Change, u64); 3] = [
        (|rows| rows[0].at.0 += 1, 4),
        (|rows| drop(rows.remove(1)), 4),
        (|rows| drop(rows.pop()), 2),
    ];
    for (change, number) in changes {
        let source = Tampered { inner: &*bed.store, change, head: |head| head };
        let found = find(&source, &bed.vault, wrapped(&bed).as_deref(), &Query::default()).unwrap();
        let damaged: Vec<_> = found.iter().filter(|it| it.damaged).map(|it| it.number).collect();
        assert_eq!(damaged, [number]);
    }
}

#[tokio::test]
async fn nothing_that_is_sealed_is_in_the_clear() {
    let bed = Bed::new();
    four_records(&bed).await;
    let rows = bed.store.audit_after(0, 10).unwrap();
    for words in [&b"ada"[..], b"192.0.2.7", b"snow", b"ses_1"] {
        let holds = |row: &AuditRow| row.sealed.windows(words.len()).any(|part| part == words);
        assert!(!rows.iter().any(holds));
    }
}

#[tokio::test]
async fn a_damaged_record_does_not_hide_the_others() {
    let bed = Bed::new();
    four_records(&bed).await;
    let source = Tampered {
        inner: &*bed.store,
        change: |rows| {
            rows.iter_mut().filter(|row| row.number == 2).for_each(|row| row.sealed[14] ^= 1);
        },
        head: |head| head,
    };
    let found = find(&source, &bed.vault, wrapped(&bed).as_deref(), &Query::default()).unwrap();
    let told: Vec<_> = found.iter().map(|record| (record.number, record.damaged)).collect();
    assert_eq!(told, [(1, false), (2, true), (3, false), (4, false)]);
    assert_eq!((found[1].who().as_str(), found[1].outcome()), ("?", "damaged"));
}

/// The data directory of a gateway that ran, and the trail as `warmline audit` sees it.
struct Kept {
    dir: tempfile::TempDir,
    master: vault::MasterKey,
}

impl Kept {
    fn record(&self) -> Result<(), AuditError> {
        let vault = Vault::new(&self.master).unwrap();
        let store = crate::app::open_alone(self.dir.path(), &vault).unwrap();
        record_alone(store, &vault, &Clock::System, Entry::of_gateway(Deed::Started))
    }

    fn verified(&self) -> Result<Verified, Break> {
        let vault = Vault::new(&self.master).unwrap();
        crate::keys::open_beside(self.dir.path(), &vault).unwrap();
        AuditBeside::open(self.dir.path()).unwrap().unwrap().verify(&vault, None).unwrap()
    }

    fn sql(&self, sql: &str) {
        let database = rusqlite::Connection::open(self.dir.path().join("warmline.db")).unwrap();
        database.execute_batch(sql).unwrap();
    }
}

const NO_TRIGGERS: &str = "DROP TRIGGER audit_begins_after_its_end; DROP TRIGGER audit_is_not_changed;
    DROP TRIGGER audit_is_not_removed; DROP TRIGGER audit_mark_goes_on; DROP TRIGGER audit_mark_stays;";

#[test]
fn a_trail_that_was_emptied_is_found_also_without_its_key_and_the_next_one_says_so() {
    let emptied = "DELETE FROM audit; DELETE FROM audit_mark;";
    let without_key =
        "DELETE FROM audit; DELETE FROM audit_mark; DELETE FROM setting WHERE name = 'audit key';";
    for tampering in [emptied, without_key] {
        let kept = Kept {
            dir: tempfile::tempdir().unwrap(),
            master: vault::MasterKey::generate().unwrap(),
        };
        kept.record().unwrap();
        kept.record().unwrap();
        let before = kept.verified().unwrap();
        assert_eq!((before.records, before.anew), (2, None));
        kept.sql(NO_TRIGGERS);
        kept.sql(tampering);
        assert_eq!(kept.verified(), Err(Break::Gone), "{tampering}");
        kept.record().unwrap();
        let anew = kept.verified().unwrap();
        assert_eq!((anew.records, anew.anew), (2, Some(1)), "{tampering}");
        kept.record().unwrap();
        assert_eq!(kept.verified().unwrap().records, 3, "once");
    }
}

#[test]
fn a_trail_whose_marks_are_gone_goes_on_after_its_newest_record_and_says_so() {
    let kept =
        Kept { dir: tempfile::tempdir().unwrap(), master: vault::MasterKey::generate().unwrap() };
    kept.record().unwrap();
    kept.record().unwrap();
    kept.sql(NO_TRIGGERS);
    kept.sql("DELETE FROM audit_mark;");
    assert!(matches!(kept.verified(), Err(Break::Head { .. })));
    kept.record().unwrap();
    let anew = kept.verified().unwrap();
    assert_eq!((anew.records, anew.anew), (4, Some(3)));
}

#[tokio::test]
async fn a_trail_whose_beginning_was_cut_short_is_not_taken_for_one_that_was_emptied() {
    let bed = Bed::new();
    bed.store.set(Fault::Full);
    let store = || Arc::clone(&bed.store) as Arc<dyn Store>;
    assert!(Trail::open(store(), &bed.vault).is_err());
    bed.store.set(Fault::None);
    assert!(wrapped(&bed).is_none(), "no key is there before the head is");
    assert!(!Trail::open(store(), &bed.vault).unwrap().is_anew);
    assert!(!Trail::open(store(), &bed.vault).unwrap().is_anew);
    assert_eq!(whole(&bed, &*bed.store).unwrap().anew, None);
}
