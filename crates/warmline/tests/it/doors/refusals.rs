//! Who was refused at the webhook stands in the audit trail, counted.

use std::{collections::BTreeMap, process::Stdio};

use serde_json::Value;
use tokio::time::timeout;

use super::file_with;
use crate::{
    house::{DIRECT_LINE_SECRET, House, Setting, WEBHOOK_SECRET},
    process::{WITHIN, command},
};

/// What `warmline audit` shows of refusals, with these arguments besides.
async fn refused(house: &House, arguments: &[&str]) -> Vec<Value> {
    let mut audit = command(&house.environment);
    audit.args(["audit", "--json", "--deed", "refused"]).args(arguments).stderr(Stdio::inherit());
    let output = timeout(WITHIN, audit.output()).await.expect("it ends in time").unwrap();
    assert!(output.status.success());
    let out = String::from_utf8(output.stdout).unwrap();
    for hidden in house.secrets().iter().map(String::as_str).chain(["203.0.113.7"]) {
        assert!(!out.contains(hidden), "{hidden} is in the trail: {out}");
    }
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn wrong_secrets_and_callers_from_elsewhere_are_counted_in_the_trail() {
    let listed = "trusted_proxies = [\"127.0.0.0/8\"]\n[tenants.default.desks.default]\n\
                  webhook_from = [\"203.0.113.0/24\"]\n";
    let mut house = House::start_with(Setting::default(), file_with(listed)).await;
    let knocks = async |secret: &str, from: &str| {
        let address = format!("{}/api/v1/snowBot/receiveMessage", house.origin());
        let post = house.http.post(address).bearer_auth(secret).body("no event");
        post.header("x-forwarded-for", from).send().await.unwrap().status().as_u16()
    };
    for _ in 0..3 {
        assert_eq!(knocks("a-wrong-secret", "203.0.113.7").await, 401);
    }
    // One that is good at another door, and nobody's here.
    assert_eq!(knocks(DIRECT_LINE_SECRET, "203.0.113.7").await, 401);
    for _ in 0..2 {
        assert_eq!(knocks(WEBHOOK_SECRET, "198.51.100.9").await, 403);
    }
    assert_eq!(knocks(WEBHOOK_SECRET, "203.0.113.7").await, 400, "the instance itself");
    let logged = house.logged();
    assert_eq!(logged.matches("an address that is not allowed").count(), 1, "{logged}");
    assert!(logged.contains("198.51.100.9"), "whom to add, or to keep out");
    house.terminate().await;

    // Whose they are, and how many; a minute may end between two of them.
    let of = |records: &[Value], code: &str| {
        let mut counts = BTreeMap::new();
        for record in records.iter().filter(|record| record["outcome"] == code) {
            assert_eq!(record["about"], "webhook", "{record}");
            let tenant = record["tenant"].as_str().unwrap_or_default().to_owned();
            *counts.entry(tenant).or_default() += record["count"].as_u64().unwrap();
        }
        counts
    };
    let of_tenant = |tenant: &str, count| BTreeMap::from([(tenant.to_owned(), count)]);
    let all = refused(&house, &[]).await;
    // Whose door it was nobody can say of a secret that is nobody's.
    assert_eq!(of(&all, "unauthorized"), of_tenant("", 4), "{all:#?}");
    assert_eq!(of(&all, "address_not_allowed"), of_tenant("default", 2), "{all:#?}");
    let tenants = refused(&house, &["--tenant", "default"]).await;
    assert_eq!(of(&tenants, "address_not_allowed"), of_tenant("default", 2));
    assert!(of(&tenants, "unauthorized").is_empty());
}
