//! What is left in the audit trail, as `warmline audit` shows it beside the running gateway.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    estates::Estates,
    fort::{Fort, PASSWORD, case},
};
use crate::{
    house::CANARY,
    process::{WITHIN, command},
    search::Search,
};

async fn audit(fort: &Fort, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = command(&fort.house.environment);
    command.arg("audit").args(arguments);
    let output = timeout(WITHIN, command.output()).await.expect("it ends in time").unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(err, "", "{arguments:?}");
    let hidden = fort.house.secrets().into_iter().chain([CANARY, PASSWORD].map(str::to_owned));
    assert_eq!(Search::of(hidden).found_in(&out), None, "in the trail: {out}");
    (output.status.code(), out)
}

async fn records(fort: &Fort, arguments: &[&str]) -> Vec<Value> {
    let (code, out) = audit(fort, &[arguments, &["--json"]].concat()).await;
    assert_eq!(code, Some(0));
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn who_did_what_is_in_the_trail_and_a_changed_record_is_found() {
    let mut fort = Fort::start().await;
    let end = format!("sessions/{}/end", fort.session);
    let denied = fort.console(Method::POST, &end, &fort.viewer);
    fort.tries(case("a viewer ends a chat", denied, 403, "role_forbids")).await.unwrap();
    let login = fort.post("/console/api/login").json(&json!({"name": CANARY, "password": "x"}));
    fort.tries(case("nobody signs in", login, 401, "wrong_password")).await.unwrap();
    let ended = fort.console(Method::POST, &end, &fort.admin).send().await.unwrap();
    assert_eq!(ended.status(), 200);
    let signed_in = records(&fort, &["--deed", "sign_in"]).await;
    let names: Vec<_> = signed_in.iter().map(|r| (&r["name"], &r["outcome"])).collect();
    let done = json!("done");
    for name in ["admin", "vera", "otto", "anna"] {
        assert!(names.contains(&(&json!(name), &done)), "{name}: {names:?}");
    }
    assert!(names.contains(&(&Value::Null, &json!("wrong_password"))), "{names:?}");
    let ended = records(&fort, &["--deed", "session_ended", "--tenant", "default"]).await;
    let who: Vec<_> = ended.iter().map(|r| (&r["name"], &r["about"], &r["outcome"])).collect();
    assert_eq!(who, [(&json!("admin"), &json!(fort.session), &done)]);
    let denied = records(&fort, &["--deed", "denied"]).await;
    assert_eq!(
        (&denied[0]["name"], &denied[0]["outcome"]),
        (&json!("vera"), &json!("role_forbids"))
    );
    assert_eq!(records(&fort, &["--since", "1h", "--deed", "started"]).await.len(), 1);
    assert!(records(&fort, &["--tenant", "third"]).await.is_empty());

    let (code, said) = audit(&fort, &["verify", "--json"]).await;
    assert_eq!(code, Some(0), "{said}");
    let whole: Value = serde_json::from_str(&said).unwrap();
    let head = format!("{}:{}", whole["head"], whole["digest"].as_str().unwrap());
    fort.house.terminate().await;
    let (code, said) = audit(&fort, &["verify", "--expect", &head]).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(records(&fort, &["--deed", "stopped"]).await.len(), 1, "without a gateway");

    // Somebody with the file and without the key takes the triggers away and a record with them.
    let database = rusqlite::Connection::open(fort.house.data_dir().join("warmline.db")).unwrap();
    let refused = database.execute("DELETE FROM audit WHERE number = 3", []).unwrap_err();
    assert!(refused.to_string().contains("cut at its mark"), "{refused}");
    database
        .execute_batch("DROP TRIGGER audit_is_not_removed; DELETE FROM audit WHERE number = 3")
        .unwrap();
    drop(database);
    let (code, said) = audit(&fort, &["verify"]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("NOT whole: record 3 is missing"), "{said}");
}

/// Anna of the tenant `other` reaches for what is the tenant `default`'s, whose admin is Dora.
#[tokio::test]
async fn the_trail_of_a_tenant_shows_who_of_another_reached_for_it() {
    let all = Estates::start().await;
    let [sent, dropped] = all.letters;
    let kim = json!({"tenant": "default", "user": "dl_kim"});
    let nowhere = json!({"tenant": "nowhere", "user": "dl_kim"});
    let by = |method: Method, path: String| all.console(method, &path, &all.anna);
    let post = |path: String| by(Method::POST, path);
    let one = format!("sessions/{}", all.session);
    for (what, request, status, code) in [
        ("looks at a chat", by(Method::GET, one.clone()), 404, "no_such_session"),
        ("ends a chat", post(format!("{one}/end")), 404, "no_such_session"),
        ("resends a letter", post(format!("dead-letters/{sent}/resend")), 404, "no_such_letter"),
        ("drops a letter", post(format!("dead-letters/{dropped}/drop")), 404, "no_such_letter"),
        ("exports", post("persons/export".to_owned()).json(&kim), 403, "other_tenants"),
        ("erases", post("persons/erase".to_owned()).json(&kim), 403, "other_tenants"),
        ("guesses", post("persons/export".to_owned()).json(&nowhere), 403, "other_tenants"),
    ] {
        all.tries(case(what, request, status, code)).await.unwrap();
    }
    let drop = all.console(Method::POST, &format!("dead-letters/{dropped}/drop"), &all.dora);
    assert_eq!(drop.send().await.unwrap().status(), 200);

    let gist = |record: &Value| {
        let word = |name: &str| record[name].as_str().unwrap_or("-").to_owned();
        format!("{} {} {} {}", word("name"), word("deed"), word("about"), word("outcome"))
    };
    let gists = |records: &[Value]| records.iter().map(gist).collect::<Vec<_>>();
    let denied = records(&all, &["--tenant", "default", "--deed", "denied"]).await;
    let expected = [
        "anna denied sessions/{id} other_tenant",
        "anna denied sessions/{id}/end other_tenant",
        "anna denied dead-letters/{id} other_tenant",
        "anna denied dead-letters/{id} other_tenant",
        "anna denied persons/export other_tenants",
        "anna denied persons/erase other_tenants",
    ];
    assert_eq!(gists(&denied), expected);
    let ended = records(&all, &["--tenant", "default", "--deed", "session_ended"]).await;
    assert_eq!(gists(&ended), [format!("anna session_ended {} no_such_session", all.session)]);
    assert_eq!(
        records(&all, &["--tenant", "other", "--deed", "denied"]).await,
        Vec::<Value>::new()
    );
    assert_eq!(records(&all, &["--tenant", "nowhere"]).await, Vec::<Value>::new());
    let newest = records(&all, &["--deed", "denied", "--limit", "1"]).await;
    assert_eq!(gists(&newest), ["anna denied persons/export other_tenants"], "of no tenant");
    assert!(newest[0].get("tenant").is_none(), "{newest:?}");

    // The tenant's own admin sees the name, so that they can ask, and no more of somebody outside.
    let seen = |cookie: &str| {
        let read = all.console(Method::GET, "audit?tenant=default", cookie);
        async { read.send().await.unwrap().json::<Value>().await.unwrap()["records"].clone() }
    };
    let whereabouts = |records: &Value, name: &str| {
        let own = records.as_array().unwrap().iter().filter(|record| record["name"] == name);
        own.map(|one| one.get("address").is_some() && one.get("session").is_some())
            .collect::<Vec<_>>()
    };
    let (doras, admins) = (seen(&all.dora).await, seen(&all.admin).await);
    assert_eq!(whereabouts(&doras, "anna"), [false; 7], "{doras}");
    assert_eq!(whereabouts(&doras, "dora"), [true], "{doras}");
    assert_eq!(whereabouts(&admins, "anna"), [true; 7], "{admins}");
}
