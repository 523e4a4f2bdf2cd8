//! Who is signed in. Sessions of operators live in memory: a restart signs everybody out.

use std::{
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use session::id::Timestamp;
use store::Sight;
use vault::{MacKey, MasterKey, MasterKeyError};

use super::{members::Member, pace::Source};
use crate::{audit::Who, console::Role};

/// Operators signed in at a time. Beyond it, of those who come from where most do, the one who did
/// nothing for the longest time is signed out: whoever signs in again and again pushes nobody out but
/// themselves.
const SEATS_MAX: usize = 32;

/// How long an operator may do nothing. What a page asks by itself does not count as doing.
const IDLE_MAX: Duration = Duration::from_mins(30);

/// How long a session lasts whatever happens: a shift.
const SESSION_MAX: Duration = Duration::from_hours(12);

/// Digits of a session's name in the log: enough to follow one, nothing that opens one.
const NAME_DIGITS: usize = 8;

/// Who gives an order, as the log names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operator {
    /// The session, by a name that opens nothing.
    pub(super) name: Box<str>,
    /// Who they are.
    pub(super) member: Box<str>,
    /// What they may do.
    pub(super) role: Role,
    /// What they see.
    pub(super) sight: Sight,
    /// From where they signed in.
    pub(super) address: IpAddr,
    /// When the session ends whatever happens.
    pub(super) until: Timestamp,
}

impl Operator {
    /// As the audit trail names them.
    pub(super) fn who(&self) -> Who {
        Who::Operator {
            name: Some(self.member.clone()),
            session: Some(self.name.clone()),
            address: Some(self.address),
        }
    }
}

#[derive(Debug)]
struct Seat {
    tag: [u8; 32],
    opened_at: Timestamp,
    active_at: Timestamp,
    /// Who signed in, as far as browsers and addresses tell.
    source: Source,
    operator: Operator,
}

impl Seat {
    /// A clock that was set back must not make a session longer.
    fn is_over(&self, now: Timestamp) -> bool {
        now < self.opened_at
            || now >= self.opened_at.after(SESSION_MAX)
            || now >= self.active_at.after(IDLE_MAX)
    }
}

/// All of them. Looked up by a keyed hash, as every secret that callers present.
#[derive(Debug)]
pub(super) struct Seats {
    key: MacKey,
    seats: Mutex<Vec<Seat>>,
}

impl Seats {
    pub(super) fn new(key: MacKey) -> Self {
        Self { key, seats: Mutex::default() }
    }

    /// Signs an operator in and gives back the secret that proves it.
    pub(super) fn open(
        &self,
        member: &Member,
        address: IpAddr,
        source: Source,
        now: Timestamp,
    ) -> Result<(String, Operator), MasterKeyError> {
        let secret = MasterKey::fresh_secret()?;
        let tag = self.key.tag(&[secret.as_bytes()]);
        let name = tag.iter().take(NAME_DIGITS / 2).map(|byte| format!("{byte:02x}")).collect();
        let operator = Operator {
            name,
            member: member.name.clone(),
            role: member.role,
            sight: Sight::of_tenants(member.tenants.clone()),
            address,
            until: now.after(SESSION_MAX),
        };
        let seat = Seat { tag, opened_at: now, active_at: now, source, operator: operator.clone() };
        let mut seats = self.lock();
        seats.retain(|seat| !seat.is_over(now));
        if seats.len() >= SEATS_MAX {
            // The newcomer counts where they come from.
            let of = |source| seats.iter().filter(|seat| seat.source == source).count();
            let many = |seat: &Seat| of(seat.source) + usize::from(seat.source == source);
            let idle = |seat: &Seat| std::cmp::Reverse(seat.active_at);
            let all = seats.iter().enumerate();
            let leaves = all.max_by_key(|(_, seat)| (many(seat), idle(seat))).map(|(at, _)| at);
            if let Some(at) = leaves {
                seats.swap_remove(at);
            }
        }
        seats.push(seat);
        Ok((secret, operator))
    }

    /// Whose secret this is. `acts` says that a person did something, and not their page by itself.
    pub(super) fn find(&self, secret: &str, acts: bool, now: Timestamp) -> Option<Operator> {
        let tag = self.key.tag(&[secret.as_bytes()]);
        let mut seats = self.lock();
        seats.retain(|seat| !seat.is_over(now));
        let seat = seats.iter_mut().find(|seat| seat.tag == tag)?;
        if acts {
            seat.active_at = seat.active_at.max(now);
        }
        Some(seat.operator.clone())
    }

    /// Signs out whoever has this secret.
    pub(super) fn close(&self, secret: &str) -> Option<Operator> {
        let tag = self.key.tag(&[secret.as_bytes()]);
        let mut seats = self.lock();
        let at = seats.iter().position(|seat| seat.tag == tag)?;
        Some(seats.swap_remove(at).operator)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Seat>> {
        // Nothing in here can be left half done.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use vault::Vault;

    use super::*;

    const START: Timestamp = Timestamp(1_767_225_600_000);

    fn seats() -> Seats {
        let vault = Vault::new(&MasterKey::generate().unwrap()).unwrap();
        Seats::new(vault.mac_key("console").unwrap())
    }

    fn member() -> Member {
        let hash = "$argon2id$v=19$m=8,t=1,p=1$YSBzYWx0IG9mIGEgdGVzdA$WKYXEMtXRHX4/34QKHCu15BlvipuWeIHUwwvCGrhm9M";
        let hash = crate::console::PasswordHash::parse(hash).unwrap();
        Member { name: "ada".into(), hash, role: Role::Viewer, tenants: None }
    }

    fn open(seats: &Seats, now: Timestamp) -> String {
        open_from(seats, 1, now)
    }

    fn open_from(seats: &Seats, host: u8, now: Timestamp) -> String {
        let address = IpAddr::from([192, 0, 2, host]);
        seats.open(&member(), address, Source::of(address), now).unwrap().0
    }

    #[test]
    fn a_session_ends_when_nobody_does_anything_and_at_last_in_any_case() {
        let seats = seats();
        let secret = open(&seats, START);
        let mut now = START;
        while now < START.after(SESSION_MAX) {
            assert!(seats.find(&secret, true, now).is_some());
            now = now.after(Duration::from_mins(29));
        }
        assert_eq!(seats.find(&secret, true, START.after(SESSION_MAX)), None);

        let idle = open(&seats, START);
        let almost = START.after(IDLE_MAX.checked_sub(Duration::from_secs(1)).unwrap());
        assert!(seats.find(&idle, false, almost).is_some(), "its page asks by itself");
        assert_eq!(seats.find(&idle, true, START.after(IDLE_MAX)), None);
    }

    #[test]
    fn a_clock_set_back_ends_sessions_rather_than_to_make_them_longer() {
        let seats = seats();
        let secret = open(&seats, START);
        assert_eq!(seats.find(&secret, true, Timestamp(START.0 - 1)), None);
    }

    #[test]
    fn who_signs_out_is_out_and_nobody_else() {
        let seats = seats();
        let (one, other) = (open(&seats, START), open(&seats, START));
        assert!(seats.close(&one).is_some());
        assert_eq!(seats.close(&one), None);
        assert_eq!(seats.find(&one, true, START), None);
        assert!(seats.find(&other, true, START).is_some());
        for nobody in ["", "0", &other[..63]] {
            assert_eq!(seats.find(nobody, true, START), None);
        }
    }

    #[test]
    fn of_too_many_operators_the_idlest_is_signed_out() {
        let seats = seats();
        let first = open(&seats, START);
        let second = open(&seats, START.after(Duration::from_secs(1)));
        assert!(seats.find(&first, true, START.after(Duration::from_secs(2))).is_some());
        for _ in 2..=SEATS_MAX {
            open(&seats, START.after(Duration::from_secs(3)));
        }
        let now = START.after(Duration::from_secs(4));
        assert!(seats.find(&first, true, now).is_some());
        assert_eq!(seats.find(&second, true, now), None);
        assert_eq!(seats.lock().len(), SEATS_MAX);
    }

    #[test]
    fn who_signs_in_again_and_again_signs_nobody_else_out() {
        let seats = seats();
        let others: Vec<_> = (1..20).map(|host| open_from(&seats, host, START)).collect();
        let later = START.after(Duration::from_secs(1));
        let mut newest = String::new();
        for _ in 0..70 {
            newest = open_from(&seats, 200, later);
        }
        assert!(others.iter().all(|other| seats.find(other, false, later).is_some()));
        assert!(seats.find(&newest, false, later).is_some());
        assert_eq!(seats.lock().len(), SEATS_MAX);
        for host in 20..40 {
            open_from(&seats, host, later);
        }
        assert_eq!(seats.lock().len(), SEATS_MAX);
        let left = others.iter().filter(|other| seats.find(other, false, later).is_some()).count();
        assert_eq!(left, 11, "among equals the idlest go");
    }
}
