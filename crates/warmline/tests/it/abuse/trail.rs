//! What is left in the audit trail, as `warmline audit` shows it beside the running gateway.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::fort::{Fort, PASSWORD, case};
use crate::{
    house::CANARY,
    process::{WITHIN, command},
};

async fn audit(fort: &Fort, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = command(&fort.house.environment);
    command.arg("audit").args(arguments);
    let output = timeout(WITHIN, command.output()).await.expect("it ends in time").unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(err, "", "{arguments:?}");
    for hidden in fort.house.secrets().iter().chain([&CANARY.to_owned(), &PASSWORD.to_owned()]) {
        assert!(!out.contains(hidden.as_str()), "{hidden:?} is in the trail: {out}");
    }
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
