//! Which addresses may be connected to for a host, by who says its name.
//!
//! A name that looks public may lead into our own network (that is how a server is made to fetch what
//! its caller may not see), and may lead elsewhere when it is looked up again. So what a name server
//! answers is judged, and what was judged is what is connected to: nothing is looked up in between.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec::IntoIter;

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

use crate::addresses::{is_public, may_be_meant};
use crate::private::PrivateHosts;
use crate::reach::{Reach, reach};

/// Who says the names that a pool of connections is asked for, and so where they may lead.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Names {
    /// An operator wrote each of them: it may lead into a private network if that is where the host is,
    /// but to this machine, to one link, and to what a provider tells its machines there, by a name that
    /// says so only. A name that looks public and leads there was not meant.
    #[default]
    Written,
    /// Somebody else says them: they lead to the public internet.
    Said(Said),
}

/// Which of the names that somebody else says may lead elsewhere than to the public internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Those that an operator wrote as well; of a name that means something in a private network only,
    /// everything below it.
    pub written: Vec<String>,
    /// Those that may lead into private networks.
    pub private: PrivateHosts,
    /// Whether names of this machine may lead to it.
    pub this_machine: bool,
}

impl Names {
    /// Whether a name may lead to an address.
    pub fn may_lead(&self, name: &str, address: IpAddr) -> bool {
        match self {
            Self::Written => written_may_lead(name, address),
            Self::Said(said) => said.may_lead(name, address),
        }
    }
}

/// What looks private is where it was meant to be, whichever address that is.
fn written_may_lead(name: &str, address: IpAddr) -> bool {
    reach(name) != Reach::Public || may_be_meant(address)
}

impl Said {
    fn may_lead(&self, name: &str, address: IpAddr) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        let is_written = |own: &String| own.eq_ignore_ascii_case(name);
        if self.written.iter().any(is_written) {
            return written_may_lead(name, address);
        }
        if reach(name) == Reach::ThisMachine {
            return self.this_machine;
        }
        let is_private = self.private.has(name) || self.is_below_a_private_one(name);
        is_public(address) || (is_private && may_be_meant(address))
    }

    fn is_below_a_private_one(&self, name: &str) -> bool {
        let mut private = self.written.iter().filter(|own| reach(own) == Reach::PrivateNetwork);
        private.any(|own| crate::private::is_below(name, own))
    }
}

/// What looks names up.
pub(crate) trait Lookup: fmt::Debug + Send + Sync {
    fn look_up(&self, name: Name) -> Looking;
}

/// The addresses of a name, when they are there.
pub(crate) type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// As this machine does for everybody.
#[derive(Debug)]
struct System;

impl Lookup for System {
    fn look_up(&self, name: Name) -> Looking {
        let found = GaiResolver::new().call(name);
        Box::pin(async move { Ok(found.await?.collect()) })
    }
}

/// Looks names up, and answers only addresses that may be connected to.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    names: Arc<Names>,
    lookup: Arc<dyn Lookup>,
    judge: fn(&Names, &str, IpAddr) -> bool,
}

impl Guard {
    pub(crate) fn new(names: Names) -> Self {
        Self { names: Arc::new(names), lookup: Arc::new(System), judge: Names::may_lead }
    }
}

impl Service<Name> for Guard {
    type Response = IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (names, judge) = (Arc::clone(&self.names), self.judge);
        let found = self.lookup.look_up(name.clone());
        Box::pin(async move {
            let mut found = found.await?;
            found.retain(|address| judge(&names, name.as_str(), address.ip()));
            if found.is_empty() {
                return Err(io::Error::other(match *names {
                    Names::Written => "the host's name leads to this machine or to one link",
                    Names::Said(_) => {
                        "the host's name does not lead to the public internet, and is not among \
                         private_hosts"
                    }
                }));
            }
            Ok(found.into_iter())
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
