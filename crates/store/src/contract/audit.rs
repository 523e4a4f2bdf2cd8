//! The audit trail.

use session::id::{TenantId, Timestamp};

use super::Bed;
use crate::{AuditMark, AuditRow, Store, StoreError};

fn row(number: u64) -> AuditRow {
    AuditRow {
        number,
        at: Timestamp(i64::try_from(number).unwrap()),
        tenant: number.is_multiple_of(2).then(|| TenantId::new("t").unwrap()),
        deed: "sign_in".into(),
        sealed: vec![7; 3],
    }
}

fn mark(number: u64) -> AuditMark {
    AuditMark { number, link: vec![1], sealed: vec![2] }
}

fn append(store: &dyn Store, numbers: &[u64]) -> Result<(), StoreError> {
    let rows: Vec<_> = numbers.iter().map(|number| row(*number)).collect();
    store.append_audit(&rows, &mark(*numbers.last().unwrap()))
}

fn numbers(store: &dyn Store) -> Vec<u64> {
    store.audit_after(0, 100).unwrap().iter().map(|row| row.number).collect()
}

pub(super) fn records_are_read_in_their_order_and_survive_a_restart(bed: &mut impl Bed) {
    assert_eq!(bed.store().audit_head().unwrap(), None);
    append(bed.store(), &[1, 2]).unwrap();
    append(bed.store(), &[3]).unwrap();
    bed.reopen();
    assert_eq!(bed.store().audit_after(1, 1).unwrap(), [row(2)]);
    assert_eq!(numbers(bed.store()), [1, 2, 3]);
    assert_eq!(bed.store().audit_upto(u64::MAX, 2).unwrap(), [row(3), row(2)]);
    assert_eq!(bed.store().audit_upto(2, 5).unwrap(), [row(2), row(1)]);
    assert_eq!(bed.store().audit_head().unwrap(), Some(mark(3)));
    assert_eq!(bed.store().audit_cut().unwrap(), None);
}

pub(super) fn a_trail_begins_with_its_key_or_not_at_all(bed: &mut impl Bed) {
    bed.store().begin_audit(("key", b"one"), &mark(0)).unwrap();
    bed.reopen();
    assert_eq!(bed.store().setting("key").unwrap().as_deref(), Some(&b"one"[..]));
    assert_eq!(bed.store().audit_head().unwrap(), Some(mark(0)));
    append(bed.store(), &[1]).unwrap();
    // A head never goes back, and then the key is not kept either.
    assert!(bed.store().begin_audit(("key", b"two"), &mark(0)).is_err());
    assert_eq!(bed.store().setting("key").unwrap().as_deref(), Some(&b"one"[..]));
}

pub(super) fn a_record_out_of_turn_is_refused_and_nothing_is_appended(bed: &impl Bed) {
    append(bed.store(), &[1]).unwrap();
    for wrong in [&[1][..], &[3], &[2, 4], &[0]] {
        assert!(append(bed.store(), wrong).is_err(), "{wrong:?}");
    }
    assert_eq!(numbers(bed.store()), [1]);
    assert_eq!(bed.store().audit_head().unwrap(), Some(mark(1)));
}

pub(super) fn the_oldest_records_are_cut_off_at_a_mark_and_numbers_go_on(bed: &mut impl Bed) {
    append(bed.store(), &[1, 2, 3]).unwrap();
    assert_eq!(bed.store().cut_audit(&mark(2)).unwrap(), 2);
    assert!(bed.store().cut_audit(&mark(1)).is_err(), "a mark never goes back");
    assert_eq!(bed.store().cut_audit(&mark(3)).unwrap(), 1);
    bed.reopen();
    assert_eq!(bed.store().audit_cut().unwrap(), Some(mark(3)));
    append(bed.store(), &[4]).unwrap();
    assert_eq!(numbers(bed.store()), [4]);
}
