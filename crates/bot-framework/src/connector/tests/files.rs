//! Where files of users are fetched from, and where never.

use super::*;

async fn all_of(mut fetch: FileFetch) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(piece) = fetch.piece().await.unwrap() {
        all.extend_from_slice(&piece);
    }
    all
}

#[tokio::test]
async fn a_file_in_the_users_own_store_is_fetched_without_a_token() {
    let channel = Bot::start().await;
    channel.answers(says(200, "application/pdf", "%PDF-1.7"));
    let address = format!("{}/drive/a.pdf?tempauth=x%20y", channel.origin());
    let fetch = connector(&channel).download(&address, AMPLE).await.unwrap();
    assert_eq!((fetch.kind.as_deref(), fetch.bytes), (Some("application/pdf"), Some(8)));
    assert_eq!(all_of(fetch).await, b"%PDF-1.7");
    let calls = channel.posts();
    assert_eq!(calls[0].query, "?tempauth=x%20y");
    assert_eq!(calls[0].header("authorization"), "", "its address is all the proof there is");
}

#[tokio::test]
async fn a_picture_at_the_connector_is_fetched_with_the_token() {
    let channel = Bot::start().await;
    channel.answers(says(200, "image/png", "png"));
    let connector = connector(&channel);
    let to = url(&connector, &channel);
    let address = format!("{}/amer/v3/attachments/0-weu-d1/views/original", channel.origin());
    let fetch = connector.fetch(&to, &address, AMPLE).await.unwrap();
    assert_eq!(all_of(fetch).await, b"png");
    assert!(channel.posts()[0].header("authorization").starts_with("Bearer "));
}

#[tokio::test]
async fn the_token_goes_to_the_host_of_the_conversation_only() {
    let channel = Bot::start().await;
    let connector = connector(&channel);
    let to = url(&connector, &channel);
    for address in [
        "https://evil.example/v3/attachments/1/views/original",
        // On the list, and yet another host than the message came from.
        "https://smba.trafficmanager.net/amer/v3/attachments/1/views/original",
        "http://10.0.0.1/v3/attachments/1/views/original",
        "https://127.0.0.1@evil.example/a",
        "file:///etc/passwd",
        "",
    ] {
        let told = connector.fetch(&to, address, AMPLE).await;
        assert!(matches!(told, Err(FileAccessError::NotAllowed)), "{address}: {told:?}");
    }
    assert!(channel.posts().is_empty());
}

#[tokio::test]
async fn nothing_is_asked_for_where_no_file_of_a_users_lies() {
    let channel = Bot::start().await;
    // Of a registration whose channels are in the cloud.
    let config = ConnectorConfig { hosts: Vec::new(), ..config(&channel) };
    let connector = Connector::new(config).unwrap();
    for address in [
        format!("{}/a", channel.origin()),
        "http://localhost/a".to_owned(),
        "https://localhost/a".to_owned(),
        "https://10.0.0.1/a".to_owned(),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://[fd00::1]/a".to_owned(),
        "https://[::ffff:10.0.0.1]/a".to_owned(),
        "http://contoso.sharepoint.com/a".to_owned(),
        "https://contoso.sharepoint.com:8443/a".to_owned(),
        "https://kim:pw@contoso.sharepoint.com/a".to_owned(),
        "https://contoso.sharepoint.com.evil.example/a".to_owned(),
        "https://evilsharepoint.com/a".to_owned(),
        "ftp://contoso.sharepoint.com/a".to_owned(),
        "//contoso.sharepoint.com/a".to_owned(),
        "/a".to_owned(),
        format!("https://contoso.sharepoint.com/{}", "a".repeat(9_000)),
    ] {
        let told = connector.download(&address, AMPLE).await;
        assert!(matches!(told, Err(FileAccessError::NotAllowed)), "{address}: {told:?}");
    }
    assert!(channel.posts().is_empty());
}

#[tokio::test]
async fn a_name_that_leads_into_our_own_network_is_not_followed() {
    let channel = Bot::start().await;
    let client = outbound::HttpClient::to(Names::Said(Said::default()), &[]).unwrap();
    let port = channel.origin().rsplit(':').next().unwrap().to_owned();
    let mut request = Request::new(Full::<Bytes>::default());
    *request.uri_mut() = format!("http://localhost:{port}/a").parse().unwrap();
    let told = client.send(request, Instant::now() + AMPLE).await;
    assert!(told.is_err(), "{told:?}");
    assert!(channel.posts().is_empty());
}

#[tokio::test]
async fn a_file_is_put_part_by_part_without_a_token() {
    let channel = Bot::start().await;
    channel.answers(says(202, "application/json", "{}"));
    let connector = connector(&channel);
    let address = format!("{}/upload?session=1", channel.origin());
    let put = async |part: &'static str, range| {
        connector.put_part(&address, part.into(), range, 8, AMPLE).await
    };
    put("%PDF-", 0..5).await.unwrap();
    put("1.7", 5..8).await.unwrap();
    let calls = channel.posts();
    let ranges: Vec<_> = calls.iter().map(|call| call.header("content-range")).collect();
    assert_eq!(ranges, ["bytes 0-4/8", "bytes 5-7/8"]);
    assert_eq!((calls[0].method.as_str(), calls[0].body.as_slice()), ("PUT", &b"%PDF-"[..]));
    assert_eq!(calls[0].header("authorization"), "");
    channel.answers(says(404, "", ""));
    assert_eq!(put("x", 0..1).await, Err(FileAccessError::Refused { status: 404 }));
    let elsewhere = connector.put_part("https://10.0.0.1/", "x".into(), 0..1, 1, AMPLE).await;
    assert_eq!(elsewhere, Err(FileAccessError::NotAllowed));
}

#[tokio::test]
async fn what_is_no_file_is_refused() {
    for status in [204, 302, 401, 403, 404, 500] {
        let channel = Bot::start().await;
        channel.answers(says(status, "text/plain", ""));
        let connector = connector(&channel);
        let address = format!("{}/a", channel.origin());
        let told = connector.download(&address, AMPLE).await;
        assert!(
            matches!(told, Err(FileAccessError::Refused { status: s }) if s == status),
            "{told:?}"
        );
    }
}
