//! What attackers try, under the headings of OWASP's ASVS and of guidance for webhooks: each case
//! states its request and how it is refused, and afterwards nothing has changed: no message, no
//! session, no letter, nothing at the desk, nothing at a bot.
//!
//! A case is a row; a heading is a module with its table. `crossing` has a row for every route that
//! the `OpenAPI` document names: what one tenant's credential does with another tenant's things.

mod access;
mod authentication;
mod canary;
mod communications;
mod configuration;
mod crossing;
mod cryptography;
mod data;
mod errors;
mod estates;
mod files;
mod fort;
mod logic;
mod sessions;
mod trail;
mod validation;
mod webhooks;

use fort::{Case, Fort};

/// The headings with their tables.
type Table = fn(&Fort) -> Vec<Case>;

const TABLES: [(&str, Table); 12] = [
    ("authentication", authentication::cases),
    ("session management", sessions::cases),
    ("access control", access::cases),
    ("validation", validation::cases),
    ("cryptography", cryptography::cases),
    ("error handling and logging", errors::cases),
    ("data protection", data::cases),
    ("communications", communications::cases),
    ("business logic", logic::cases),
    ("files and resources", files::cases),
    ("webhooks", webhooks::cases),
    ("configuration", configuration::cases),
];

/// The cases there are at least; fewer would mean that a table was lost.
const CASES_MIN: usize = 150;

/// The same but for its last letter.
fn near(id: &str) -> String {
    let mut near = id.to_owned();
    let last = if near.pop() == Some('0') { '1' } else { '0' };
    near.push(last);
    near
}

/// All of them against one gateway, so that they take seconds; what is wrong is told all at once.
#[tokio::test]
async fn every_abuse_is_refused_and_changes_nothing() {
    let fort = Fort::start().await;
    let (mut count, mut wrong) = (0, Vec::new());
    for (heading, table) in TABLES {
        let cases = table(&fort);
        assert!(cases.len() >= 6, "{heading} has a handful of cases at least");
        let before = fort.state().await;
        for case in cases {
            count += 1;
            let what = format!("{heading}: {}", case.what);
            wrong.extend(fort.tries(case).await.err().map(|why| format!("{what}: {why}")));
        }
        let after = fort.state().await;
        if before != after {
            wrong.push(format!("{heading}: something changed: {before:#?}\n{after:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= CASES_MIN, "{count} cases");
}
