//! What the channels' metadata and keys mean.

use serde_json::json;

use super::*;
use crate::check::finding::Status;

#[test]
fn keys_are_for_teams_unless_they_say_for_whom_they_are() {
    for (set, expected) in [
        (json!(null), true),
        (json!({"keys": []}), true),
        (json!({"keys": [{"kid": "a"}]}), true),
        (json!({"keys": [{"endorsements": []}]}), true),
        (json!({"keys": [{"endorsements": ["webchat"]}, {"endorsements": ["msteams"]}]}), true),
        (json!({"keys": [{"endorsements": ["webchat", "directline"]}]}), false),
    ] {
        assert_eq!(is_for_teams(&set), expected, "{set}");
    }
}

#[test]
fn an_issuer_of_another_cloud_is_told() {
    let cloud = gateway::Cloud::public();
    let verify = ChannelVerifyConfig {
        metadata: cloud.channel_metadata,
        issuer: cloud.channel_issuer,
        audiences: vec!["app".to_owned()],
        emulator: None,
        private_hosts: gateway::PrivateHosts::default(),
    };
    let said = |issuer: Option<&str>| Metadata {
        date_ms: None,
        issuer: issuer.map(str::to_owned),
        keys: None,
    };
    let reason = "no answer".to_owned();
    for (metadata, status, code) in [
        (Ok(said(Some("https://api.botframework.com"))), Status::Ok, "same"),
        (Ok(said(Some("https://api.botframework.us"))), Status::Fail, "another"),
        (Ok(said(None)), Status::Fail, "no_metadata"),
        (Err(reason), Status::Fail, "unavailable"),
    ] {
        let finding = issuer(metadata.as_ref(), &verify, Called::by_variables());
        assert_eq!((finding.status, finding.code), (status, code));
        assert_eq!(finding.fix.is_some(), status == Status::Fail, "{finding:?}");
    }
}
