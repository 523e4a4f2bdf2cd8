//! A page with a key of its own: another implementation of the format that docs/message-encryption.md describes.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hpke::{
    Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _, aead::AesGcm256,
    kdf::HkdfSha256, kem::X25519HkdfSha256 as Kem,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    direct_line::Door,
    house::House,
    page::{Page, Reader},
};

type PrivateKey = <Kem as hpke::Kem>::PrivateKey;
type PublicKey = <Kem as hpke::Kem>::PublicKey;

/// A page with a key of its own.
pub(crate) struct Private {
    http: reqwest::Client,
    /// Of its conversation.
    address: String,
    own: PrivateKey,
    pub(super) public: String,
    pub(super) keys: Value,
    pub(super) token: String,
    pub(super) conversation: String,
    user: String,
}

fn bound(parts: &[&str]) -> Vec<u8> {
    let part =
        |part: &&str| [&u32::try_from(part.len()).unwrap().to_be_bytes(), part.as_bytes()].concat();
    parts.iter().flat_map(part).collect()
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

pub(super) fn bytes(value: &Value) -> Vec<u8> {
    BASE64.decode(text(value)).unwrap()
}

pub(super) async fn keys(house: &House) -> Value {
    let address = format!("{}/.well-known/warmline-keys", house.origin());
    let answer = house.http.get(address).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "no-cache");
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    answer.json().await.unwrap()
}

impl Private {
    pub(super) async fn of(door: &Door) -> Self {
        Self::beside(&door.house, &door.page).await
    }

    /// In the same conversation as a page that has no key.
    pub(crate) async fn beside(house: &House, beside: &Page) -> Self {
        let (own, public) = Kem::gen_keypair();
        let public = BASE64.encode(public.to_bytes());
        let keys = keys(house).await;
        let mut page = Self {
            own,
            public,
            keys,
            http: house.http.clone(),
            address: format!(
                "{}/v3/directline/conversations/{}",
                house.origin(),
                beside.conversation
            ),
            token: beside.token.clone(),
            conversation: beside.conversation.clone(),
            user: beside.user.clone(),
        };
        let presented = json!({"suite": page.keys["keys"][0]["suite"], "publicKey": page.public});
        let asked = page.request(Method::POST, "/reader").json(&presented);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        page.token = text(&answer.json::<Value>().await.unwrap()["token"]);
        house.hides(&page.token);
        page
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.address));
        request.bearer_auth(&self.token)
    }

    pub(super) fn at(&self) -> String {
        text(&self.keys["now"])
    }

    /// An activity in its envelope, as this page posts it to the conversation.
    pub(super) fn sealed(&self, activity: &Value, id: &str) -> Value {
        self.sealed_as::<AesGcm256>(activity, id, &self.conversation, &self.at())
    }

    pub(super) fn sealed_as<A: hpke::aead::Aead>(
        &self,
        activity: &Value,
        id: &str,
        conversation: &str,
        at: &str,
    ) -> Value {
        let key = &self.keys["keys"][0];
        let to = PublicKey::from_bytes(&bytes(&key["publicKey"])).unwrap();
        let info = "warmline message 1 to gateway";
        let mut activity = activity.clone();
        activity["channelData"] = json!({"clientActivityID": id});
        let (enc, ct) = hpke::single_shot_seal::<A, HkdfSha256, Kem>(
            &OpModeS::Base,
            &to,
            info.as_bytes(),
            activity.to_string().as_bytes(),
            &bound(&[info, conversation, &self.user, id, at]),
        )
        .unwrap();
        let sealed = json!({
            "v": 1, "kid": key["kid"], "enc": BASE64.encode(enc.to_bytes()), "at": at,
            "ct": BASE64.encode(ct),
        });
        json!({
            "type": "message",
            "from": {"id": self.user},
            "channelData": {"clientActivityID": id, "warmline": {"sealed": sealed}},
        })
    }

    pub(crate) fn says(&self, words: &str, id: &str) -> Value {
        self.sealed(&json!({"type": "message", "text": words, "from": {"id": self.user}}), id)
    }

    pub(crate) fn post(&self, body: &Value) -> reqwest::RequestBuilder {
        self.request(Method::POST, "/activities").json(body)
    }

    /// What a page that polls gets, as it came and opened.
    pub(crate) async fn reads(&self) -> (String, Vec<Value>) {
        let asked = self.request(Method::GET, "/activities");
        let came = asked.send().await.unwrap().text().await.unwrap();
        let opened = self.opened(&came);
        (came, opened)
    }

    /// The stream of its conversation, which is sealed to its key.
    pub(super) async fn stream(&self, house: &House) -> Reader {
        let given = self.request(Method::GET, "?watermark=").send().await.unwrap();
        assert_eq!(given.status(), 200);
        let given: Value = given.json().await.unwrap();
        house.hides(&text(&given["token"]));
        let address = text(&given["streamUrl"]);
        house.hides(address.split_once("&t=").unwrap().1);
        Reader::open(&address).await
    }

    /// Opens all of a set as it came, which was sealed with one context.
    pub(super) fn opened(&self, set: &str) -> Vec<Value> {
        let set: Value = serde_json::from_str(set).unwrap();
        let info = "warmline message 1 to reader";
        let mut context = None;
        let open = |activity: &Value| {
            let sealed = &activity["channelData"]["warmline"]["sealed"];
            let context = context.get_or_insert_with(|| {
                let all = self.keys["keys"].as_array().unwrap();
                let from = all.iter().find(|key| key["kid"] == sealed["kid"]).unwrap();
                let from = PublicKey::from_bytes(&bytes(&from["publicKey"])).unwrap();
                let enc =
                    <Kem as hpke::Kem>::EncappedKey::from_bytes(&bytes(&sealed["enc"])).unwrap();
                let mode = OpModeR::Auth(from);
                hpke::setup_receiver::<AesGcm256, HkdfSha256, Kem>(
                    &mode,
                    &self.own,
                    &enc,
                    info.as_bytes(),
                )
                .unwrap()
            });
            let aad = bound(&[info, &self.conversation, &self.user]);
            let plain = context.open(&bytes(&sealed["ct"]), &aad).unwrap();
            assert_eq!(plain.len() % 256, 0, "its length says little");
            serde_json::from_slice(&plain).unwrap()
        };
        set["activities"].as_array().unwrap().iter().map(open).collect()
    }
}

pub(super) fn texts(activities: &[Value]) -> Vec<&str> {
    activities.iter().filter_map(|activity| activity["text"].as_str()).collect()
}
