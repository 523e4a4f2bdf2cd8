use std::collections::VecDeque;
use std::sync::Mutex;

use super::*;

/// Answers what it was told to, in that order, and the last of it for ever.
#[derive(Debug)]
pub(crate) struct Told {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<usize>,
}

impl Told {
    pub(crate) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        let answers = Mutex::new(answers.iter().map(parse).collect());
        Arc::new(Self { answers, asked: Mutex::new(0) })
    }

    /// How often a name was looked up.
    pub(crate) fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

impl Lookup for Told {
    fn look_up(&self, _: Name) -> Looking {
        *self.asked.lock().unwrap() += 1;
        let mut answers = self.answers.lock().unwrap();
        let answer = match answers.len() {
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap(),
        };
        let answer = answer.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
        Box::pin(async move { Ok(answer) })
    }
}

impl Guard {
    /// One that looks names up elsewhere, and perhaps judges them otherwise.
    pub(crate) fn told(
        names: Names,
        lookup: Arc<Told>,
        judge: fn(&Names, &str, IpAddr) -> bool,
    ) -> Self {
        Self { names: Arc::new(names), lookup, judge }
    }
}

async fn resolved(guard: &Guard, name: &str) -> Result<Vec<String>, String> {
    let found = guard.clone().call(name.parse().unwrap()).await;
    let text = |address: SocketAddr| address.ip().to_string();
    found.map(|found| found.map(text).collect()).map_err(|error| error.to_string())
}

fn said(written: &[&str], private: &[&str]) -> Names {
    Names::Said(Said {
        written: written.iter().map(|&name| name.to_owned()).collect(),
        private: private.iter().map(|text| text.parse::<crate::PrivateHost>().unwrap()).collect(),
        this_machine: false,
    })
}

#[test]
fn where_a_name_may_lead_depends_on_who_says_it() {
    let strangers = said(&[], &[]);
    let named = said(&["smba.example.org", "corp.internal"], &["files.example.net"]);
    let here = Names::Said(Said { this_machine: true, ..Said::default() });
    for (names, name, address, may) in [
        // What an operator wrote leads where it is.
        (&Names::Written, "bot.example.org", "10.0.0.5", true),
        (&Names::Written, "bot.example.org", "100.64.0.1", true),
        (&Names::Written, "bot.example.org", "fd12::1", true),
        (&Names::Written, "bot.example.org", "127.0.0.1", false),
        (&Names::Written, "bot.example.org", "169.254.169.254", false),
        (&Names::Written, "bot", "172.18.0.3", true),
        (&Names::Written, "bot", "127.0.1.1", true),
        (&Names::Written, "localhost", "::1", true),
        // What somebody else says leads to the public internet.
        (&strangers, "smba.example.org", "93.184.216.34", true),
        (&strangers, "smba.example.org", "10.0.0.5", false),
        (&strangers, "smba.example.org", "100.64.0.1", false),
        (&strangers, "smba.example.org", "fd12::1", false),
        (&strangers, "smba.example.org", "127.0.0.1", false),
        (&strangers, "bot", "172.18.0.3", false),
        (&strangers, "localhost", "127.0.0.1", false),
        (&here, "localhost", "127.0.0.1", true),
        (&here, "smba.example.org", "127.0.0.1", false),
        // Unless an operator wrote it as well: the name itself, not what is below it.
        (&named, "SMBA.example.org", "10.0.0.5", true),
        (&named, "smba.example.org.", "10.0.0.5", true),
        (&named, "smba.example.org", "127.0.0.1", false),
        (&named, "x.smba.example.org", "10.0.0.5", false),
        (&named, "channel.corp.internal", "10.0.0.5", true),
        (&named, "channel.corp.internal", "127.0.0.1", false),
        (&named, "channel.corp.internal", "169.254.169.254", false),
        // Or said that it may be private.
        (&named, "files.example.net", "10.0.0.5", true),
        (&named, "a.files.example.net", "192.168.0.1", true),
        (&named, "a.files.example.net", "93.184.216.34", true),
        (&named, "a.files.example.net", "127.0.0.1", false),
        (&named, "a.files.example.net", "169.254.169.254", false),
        (&named, "a.files.example.net", "fd00:ec2::254", false),
        (&named, "example.net", "10.0.0.5", false),
    ] {
        assert_eq!(
            names.may_lead(name, address.parse().unwrap()),
            may,
            "{names:?} {name} {address}"
        );
    }
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_the_second_time_is_judged_anew() {
    let told = Told::new(&[&["93.184.216.34"], &["10.0.0.5"], &["127.0.0.1"]]);
    let guard = Guard::told(said(&[], &[]), Arc::clone(&told), Names::may_lead);
    let name = "contoso.sharepoint.com";
    assert_eq!(resolved(&guard, name).await.unwrap(), ["93.184.216.34"]);
    for _ in 0..2 {
        let refused = resolved(&guard, name).await.unwrap_err();
        assert!(refused.contains("private_hosts"), "{refused}");
    }
    assert_eq!(told.asked(), 3);
}

#[tokio::test]
async fn of_several_addresses_only_those_are_answered_that_may_be_connected_to() {
    let told = Told::new(&[&["10.0.0.5", "93.184.216.34", "127.0.0.1"]]);
    let of = |names| Guard::told(names, Arc::clone(&told), Names::may_lead);
    let name = "a.example.org";
    assert_eq!(resolved(&of(said(&[], &[])), name).await.unwrap(), ["93.184.216.34"]);
    let private = resolved(&of(said(&[], &["example.org"])), name).await.unwrap();
    assert_eq!(private, ["10.0.0.5", "93.184.216.34"]);
    let written = resolved(&of(Names::Written), name).await.unwrap();
    assert_eq!(written, ["10.0.0.5", "93.184.216.34"]);
}
