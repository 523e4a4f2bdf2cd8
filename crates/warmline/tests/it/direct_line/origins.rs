//! From which pages a browser may call.

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest};

use super::Door;
use crate::{
    house::{DIRECT_LINE_SECRET, House, Setting},
    page::eventually,
};

const SHOP: &str = "https://shop.example.org";
const OTHER: &str = "http://127.0.0.1:3000";
const EVIL: &str = "https://evil.example.org";

/// Pages that are not trusted, however they put it.
const UNTRUSTED: [&str; 8] = [
    EVIL,
    "null",
    "http://shop.example.org",
    "https://shop.example.org:8443",
    "https://shop.example.org.evil.example.org",
    "https://evil-shop.example.org",
    "file://",
    "https://shop.example.org https://evil.example.org",
];

/// A house that trusts two origins, and its door.
async fn choosy() -> Door {
    let list = format!("{SHOP}/, {OTHER}");
    let house = House::start_with(Setting::default(), |environment| {
        environment.insert("WARMLINE_TRUSTED_ORIGINS".to_owned(), list);
    })
    .await;
    Door::of(house).await
}

fn readable_by(answer: &Response) -> Option<&str> {
    answer.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap())
}

/// What a page's stream is answered, if its browser says this origin.
async fn opens_stream(url: &str, origin: Option<&str>) -> Result<(), (u16, Value)> {
    let mut request = url.into_client_request().unwrap();
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok(_) => Ok(()),
        Err(tungstenite::Error::Http(refused)) => {
            let body = refused.body().as_deref().unwrap_or_default();
            Err((refused.status().as_u16(), serde_json::from_slice(body).unwrap()))
        }
        Err(error) => panic!("{error}"),
    }
}

impl Door {
    /// Every call that a page makes.
    fn calls(&self) -> Vec<(&'static str, RequestBuilder)> {
        let token = &self.page.token;
        let say = json!({"type": "message", "text": "from a page kolibri"});
        vec![
            ("refresh", self.call(Method::POST, "tokens/refresh").bearer_auth(token)),
            ("start", self.call(Method::POST, "conversations").bearer_auth(token)),
            ("reconnect", self.page.request(Method::GET, "?watermark=")),
            ("read", self.page.request(Method::GET, "/activities")),
            ("say", self.page.request(Method::POST, "/activities").json(&say)),
            ("session", self.call(Method::GET, "session/getsessionid").bearer_auth(token)),
        ]
    }

    async fn stream_url(&self) -> String {
        let given = self.page.request(Method::GET, "?watermark=").send().await.unwrap();
        let given: Value = given.json().await.unwrap();
        self.house.hides(given["token"].as_str().unwrap());
        let url = given["streamUrl"].as_str().unwrap().to_owned();
        self.house.hides(url.split_once("&t=").unwrap().1);
        url
    }
}

#[tokio::test]
async fn only_trusted_pages_may_call_where_the_site_names_some() {
    let door = choosy().await;
    for origin in [SHOP, OTHER] {
        for (what, call) in door.calls() {
            let answer = call.header("origin", origin).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{what} from {origin}");
            assert_eq!(readable_by(&answer), Some(origin), "{what}");
            assert!(answer.headers()["vary"].to_str().unwrap().contains("origin"), "{what}");
        }
        opens_stream(&door.stream_url().await, Some(origin)).await.unwrap();
    }
    for (what, call) in door.calls() {
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{what} from no browser");
        assert_eq!(readable_by(&answer), None, "{what}");
    }
    opens_stream(&door.stream_url().await, None).await.unwrap();
    for origin in UNTRUSTED {
        for (what, call) in door.calls() {
            let answer = call.header("origin", origin).send().await.unwrap();
            assert_eq!(readable_by(&answer), None, "{what} from {origin}");
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{what} from {origin}");
            let body: Value = answer.json().await.unwrap();
            assert_eq!(body["error"]["code"], "Forbidden");
            let said = body["error"]["message"].as_str().unwrap();
            assert!(said.contains("WARMLINE_TRUSTED_ORIGINS"), "{said}");
            assert!(origin != EVIL || said.contains(EVIL), "{said}");
        }
        let (status, body) =
            opens_stream(&door.stream_url().await, Some(origin)).await.unwrap_err();
        assert_eq!((status, &body["error"]["code"]), (403, &json!("Forbidden")), "{origin}");
    }
    // Two of them are one too many.
    let twice = door.page.request(Method::GET, "/activities").header("origin", SHOP);
    let twice = twice.header("origin", EVIL).send().await.unwrap();
    assert_eq!(twice.status(), StatusCode::FORBIDDEN);
    let generate = door.call(Method::POST, "tokens/generate").bearer_auth(DIRECT_LINE_SECRET);
    let generate = generate.header("origin", EVIL).send().await.unwrap();
    assert_eq!(generate.status(), StatusCode::FORBIDDEN, "a secret in a page is lost anyway");
}

#[tokio::test]
async fn preflights_are_granted_to_trusted_pages_only() {
    let door = choosy().await;
    for path in ["tokens/refresh", "conversations", "session/getsessionid"] {
        for (origin, status) in [(SHOP, 204), (OTHER, 204), (EVIL, 403), ("null", 403)] {
            let asked = door
                .call(Method::OPTIONS, path)
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization");
            let answer = asked.send().await.unwrap();
            assert_eq!(answer.status(), status, "{path} {origin}");
            let granted = (status == 204).then_some(origin);
            assert_eq!(readable_by(&answer), granted, "{path} {origin}");
            let vary: Vec<_> = answer.headers().get_all("vary").iter().collect();
            assert!(vary.iter().any(|value| *value == "origin"), "{vary:?}");
        }
    }
}

#[tokio::test]
async fn a_token_is_bound_to_the_pages_that_the_sites_server_names() {
    let door = Door::open().await;
    let ask = |origins: Value| {
        let body = json!({"user": {"id": "dl_lee"}, "trustedOrigins": origins});
        door.call(Method::POST, "tokens/generate").bearer_auth(DIRECT_LINE_SECRET).json(&body)
    };
    let many: Vec<_> = (0..32).map(|n| format!("https://shop-{n}.example.org")).collect();
    let given: Value = ask(json!(many)).send().await.unwrap().json().await.unwrap();
    let token = given["token"].as_str().unwrap();
    door.house.hides(token);
    assert!(token.len() < 1_500, "it goes into addresses: {} bytes", token.len());
    assert!(!token.contains("shop"), "digests, not names");
    let start = |token: &str, origin: &str| {
        door.call(Method::POST, "conversations").bearer_auth(token).header("origin", origin)
    };
    let started = start(token, &many[31]).send().await.unwrap();
    assert_eq!(started.status(), StatusCode::CREATED);
    let started: Value = started.json().await.unwrap();
    // What the token gives is bound as well.
    let renewed = started["token"].as_str().unwrap();
    let stream = started["streamUrl"].as_str().unwrap();
    door.house.hides(renewed);
    door.house.hides(stream.split_once("&t=").unwrap().1);
    let refused = start(renewed, EVIL).send().await.unwrap();
    assert_eq!((refused.status(), readable_by(&refused)), (StatusCode::FORBIDDEN, None));
    let said = refused.text().await.unwrap();
    assert!(said.contains(EVIL) && said.contains("trustedOrigins"), "{said}");
    assert_eq!(opens_stream(stream, Some(EVIL)).await.unwrap_err().0, 403);
    opens_stream(stream, Some(&many[0])).await.unwrap();

    for bad in [json!(["*"]), json!(["null"]), json!("https://a"), json!([format!("{SHOP}/chat")])]
    {
        let refused = ask(bad.clone()).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{bad}");
    }
    let too_many: Vec<_> = (0..33).map(|n| format!("https://shop-{n}.example.org")).collect();
    assert_eq!(ask(json!(too_many)).send().await.unwrap().status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_sites_own_list_wins_over_the_tokens_and_can_change_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("warmline.toml");
    let list = |origins: &str| {
        let text = format!("[tenants.default.bots.default]\ntrusted_origins = [{origins}]\n");
        std::fs::write(&file, text).unwrap();
    };
    list(&format!("{SHOP:?}"));
    let house = House::start_with(Setting::default(), |environment| {
        environment.insert("WARMLINE_CONFIG".to_owned(), file.display().to_string());
    })
    .await;
    let door = Door::of(house).await;
    let body = json!({"user": {"id": "dl_lee"}, "trustedOrigins": [EVIL]});
    let ask = door.call(Method::POST, "tokens/generate").bearer_auth(DIRECT_LINE_SECRET);
    let given: Value = ask.json(&body).send().await.unwrap().json().await.unwrap();
    let token = given["token"].as_str().unwrap().to_owned();
    door.house.hides(&token);
    let refresh = |origin: &'static str| {
        let call = door.call(Method::POST, "tokens/refresh").bearer_auth(&token);
        async move { call.header("origin", origin).send().await.unwrap().status() }
    };
    assert_eq!(refresh(SHOP).await, StatusCode::OK);
    assert_eq!(refresh(EVIL).await, StatusCode::FORBIDDEN);
    list(&format!("{OTHER:?}"));
    door.house.gateway().signal("HUP").await;
    let moved = || async { (refresh(OTHER).await == StatusCode::OK).then_some(()) };
    eventually("the list is read again", moved).await;
    assert_eq!(refresh(SHOP).await, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_session_id_is_made_of_the_browser_and_the_conversation() {
    let door = choosy().await;
    let other = door.house.page("dl_lee").await;
    let ask = |token: &str, cookie: Option<&str>| {
        let mut call = door.call(Method::GET, "session/getsessionid").bearer_auth(token);
        if let Some(cookie) = cookie {
            call = call.header("cookie", cookie.to_owned());
        }
        let call = call.header("origin", SHOP);
        async move {
            let answer = call.send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            let headers = answer.headers();
            assert_eq!(headers["access-control-allow-origin"], SHOP);
            assert_eq!(headers["access-control-allow-credentials"], "true");
            assert_eq!(headers["cache-control"], "no-store");
            let set = headers["set-cookie"].to_str().unwrap().to_owned();
            assert!(set.contains("; HttpOnly; SameSite=Lax") && !set.contains("Secure"), "{set}");
            let cookie = set.split(';').next().unwrap().to_owned();
            let body: Value = answer.json().await.unwrap();
            (body["sessionId"].as_str().unwrap().to_owned(), cookie)
        }
    };
    let (id, cookie) = ask(&door.page.token, None).await;
    assert!(id.len() == 64 && !cookie.contains(&id));
    let (again, kept) = ask(&door.page.token, Some(&cookie)).await;
    assert_eq!((&again, &kept), (&id, &cookie), "the same browser, the same conversation");
    let (elsewhere, kept) = ask(&other.token, Some(&cookie)).await;
    assert!(elsewhere != id && kept == cookie, "the same browser in another conversation");
    assert_ne!(ask(&door.page.token, None).await.0, id, "another browser");
    // Nobody gives a browser a cookie that we did not make.
    let forged = format!("{}0", &cookie[..cookie.len() - 1]);
    let forged = if forged == cookie { format!("{cookie}1") } else { forged };
    for cookie in [forged.as_str(), "warmline_page=1.2.3", "warmline_page=", "warmline_page=é"] {
        let (fresh, set) = ask(&door.page.token, Some(cookie)).await;
        assert!(fresh != id && set != cookie, "{cookie}");
    }
    // And the cookie opens nothing.
    let alone = door.call(Method::GET, &door.own("/activities")).header("cookie", &cookie);
    assert_eq!(alone.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let ask = |credential: &str| {
        door.call(Method::GET, "session/getsessionid").bearer_auth(credential.to_owned())
    };
    door.refuses("the secret", ask(DIRECT_LINE_SECRET), (403, "Forbidden")).await;
    door.refuses("a ticket", ask(door.ticket()), (403, "Forbidden")).await;
    let nothing = door.call(Method::GET, "session/getsessionid");
    door.refuses("nothing", nothing, (401, "NotAuthorized")).await;
    let post = door.call(Method::POST, "session/getsessionid").bearer_auth(&door.page.token);
    door.refuses("a post", post, (405, "MethodNotAllowed")).await;
}

#[tokio::test]
async fn over_https_the_cookie_is_secure_and_any_page_may_ask_where_none_is_named() {
    let house = House::start_with(Setting::default(), |environment| {
        environment.insert("WARMLINE_PUBLIC_URL".to_owned(), "https://chat.example.org".to_owned());
    })
    .await;
    let given = house.http.post(format!("{}/v3/directline/tokens/generate", house.origin()));
    let given = given.bearer_auth(DIRECT_LINE_SECRET).send().await.unwrap();
    let given: Value = given.json().await.unwrap();
    let token = given["token"].as_str().unwrap();
    house.hides(token);
    let address = format!("{}/v3/directline/session/getsessionid", house.origin());
    let answer = house.http.get(address).bearer_auth(token).header("origin", EVIL);
    let answer = answer.send().await.unwrap();
    assert_eq!(readable_by(&answer), Some(EVIL), "`*` is no answer to a request with cookies");
    assert_eq!(answer.headers()["access-control-allow-credentials"], "true");
    let set = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(set.starts_with("__Host-warmline_page=") && set.ends_with("SameSite=None; Secure"));
}
