//! The same over HTTP, for clients in other languages.

use serde_json::{Value, json};
use simulator::azure::{APP_ID, BOT_FRAMEWORK};

use super::{Rig, endpoint, text, words};

impl Rig {
    async fn order(&self, path: &str, body: &Value) -> (u16, Value) {
        let address = format!("{}/admin/api/{path}", self.azure.origin());
        self.ask(self.http.post(address).json(body)).await
    }

    async fn look(&self, path: &str) -> Value {
        let address = format!("{}/admin/api/{path}", self.azure.origin());
        self.ask(self.http.get(address)).await.1
    }
}

#[tokio::test]
async fn a_chat_is_opened_spoken_in_and_read_over_http() {
    let rig = Rig::start().await;
    let (url, got) = endpoint().await;
    assert_eq!(rig.order("endpoint", &json!({"appId": APP_ID, "url": url})).await.0, 204);
    let people = json!([{"name": "Kim Example", "email": "kim@example.org"}]);
    let (status, chat) = rig.order("chats", &json!({"appId": APP_ID, "people": people})).await;
    assert_eq!((status, &chat["id"]), (200, &json!(rig.kim().id)));
    let (_, said) = rig.order("say", &json!({"chat": chat["id"], "text": "Hello"})).await;
    assert_eq!((&said["status"], &said["body"]), (&json!(200), &json!("taken")));
    assert_eq!(got.borrow()[0].1, said["activity"]);
    let (_, again) = rig.order("say", &json!({"activity": said["activity"]})).await;
    assert_eq!(again["status"], 200);
    rig.send(text(&chat["id"]), &words("Hi")).await;
    let requests = rig.look("requests?from=0").await;
    assert_eq!(requests["next"], 1);
    let entry = &requests["entries"][0];
    assert_eq!((&entry["call"], &entry["appId"]), (&json!("send"), &json!(APP_ID)));
    assert_eq!(entry["outcome"], json!({"answered": 201}));
    let shown = rig.look(&format!("shown?chat={}", text(&chat["id"]))).await;
    assert_eq!(shown["messages"][1]["id"], entry["taken"]);
    let state = rig.look("state").await;
    assert_eq!(state["channelMetadata"], rig.azure.channel_metadata());
    assert_eq!(state["apps"][0]["endpoint"], url);
}

#[tokio::test]
async fn tokens_right_and_forged_are_made_over_http() {
    let mut rig = Rig::start().await;
    let chat = rig.kim();
    let good = json!({"appId": APP_ID, "resource": BOT_FRAMEWORK});
    rig.token = text(&rig.order("tokens", &good).await.1["token"]).to_owned();
    assert_eq!(rig.send(&chat.id, &words("x")).await.0, 201);
    for change in [
        json!({"signature": "confused"}),
        json!({"claims": {"exp": 17}}),
        json!({"header": {"kid": "another"}}),
        json!({"resource": "elsewhere"}),
    ] {
        let mut order = good.clone();
        order.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        rig.token = text(&rig.order("tokens", &order).await.1["token"]).to_owned();
        assert_eq!(rig.send(&chat.id, &words("x")).await.0, 401, "{change}");
    }
}

#[tokio::test]
async fn trouble_doors_keys_and_standings_are_ordered_over_http() {
    let rig = Rig::start().await;
    let chat = rig.kim();
    for (order, status) in [
        (json!({"trouble": "throttled", "seconds": 3}), 429),
        (json!({"trouble": "precondition"}), 412),
        (json!({"trouble": "refused", "code": "conversation_blocked_by_user"}), 403),
        (json!({"trouble": "status", "status": 502, "taken": true}), 502),
        (json!({"trouble": "no_id"}), 202),
    ] {
        assert_eq!(rig.order("troubles", &order).await.0, 204, "{order}");
        assert_eq!(rig.send(&chat.id, &words("x")).await.0, status, "{order}");
    }
    for bad in [
        json!({"trouble": "status", "status": 200}),
        json!({"trouble": "refused"}),
        json!({"trouble": "nonsense"}),
        json!({"trouble": "reset", "unknown": 1}),
    ] {
        let (status, answer) = rig.order("troubles", &bad).await;
        assert!(matches!(status, 400 | 422) && answer["error"]["code"] == "bad_order", "{answer}");
    }
    rig.order("troubles", &json!({"trouble": "throttled", "times": 9})).await;
    let troubles = format!("{}/admin/api/troubles", rig.azure.origin());
    assert_eq!(rig.ask(rig.http.delete(troubles)).await.0, 204);
    assert_eq!(rig.send(&chat.id, &words("x")).await.0, 201);
    let blocked = json!({"chat": chat.id, "standing": "blocked"});
    assert_eq!(rig.order("standing", &blocked).await.0, 204);
    assert_eq!(rig.send(&chat.id, &words("x")).await.0, 403);
    assert_eq!(rig.order("standing", &json!({"chat": "x", "standing": "blocked"})).await.0, 404);
    rig.order("doors", &json!({"door": "channel_keys", "down": true})).await;
    assert!(rig.http.get(rig.azure.channel_metadata()).send().await.is_err());
    rig.order("doors", &json!({"door": "channel_keys", "down": false})).await;
    let order = json!({"issuer": "channel", "keepsOld": false, "endorsements": ["slack"]});
    assert_eq!(rig.order("keys", &order).await.0, 204);
    let keys = rig.http.get(format!("{}/v1/.well-known/keys", rig.azure.origin()));
    let (_, keys) = rig.ask(keys).await;
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    assert_eq!(keys["keys"][0]["endorsements"], json!(["slack"]));
}

#[tokio::test]
async fn orders_are_taken_from_this_machine_only() {
    let rig = Rig::start().await;
    let address = format!("{}/admin/api/state", rig.azure.origin());
    let request = rig.http.get(address).header("host", "azure.example.org");
    assert_eq!(rig.ask(request).await.0, 403);
}
