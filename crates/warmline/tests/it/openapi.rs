//! `/openapi.json` is complete: it describes every route of the code and every refusal that the
//! end-to-end tests provoke, and nothing else.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::house::{House, Setting};

/// What an operation can be called by.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../gateway/src")
}

fn description() -> Value {
    let text = std::fs::read_to_string(sources().join("edge/openapi.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Every operation that is described, as (method, path).
pub(crate) fn operations() -> BTreeSet<(String, String)> {
    let description = description();
    let mut found = BTreeSet::new();
    for (path, route) in description["paths"].as_object().unwrap() {
        let route = followed(&description, route).as_object().unwrap();
        for method in route.keys().filter(|key| METHODS.contains(&key.as_str())) {
            found.insert((method.clone(), path.clone()));
        }
    }
    found
}

/// Sends a request; gives its answer with its method and path.
pub(crate) async fn sent(request: RequestBuilder, what: &str) -> (Response, String, String) {
    let (client, request) = request.build_split();
    let request = request.unwrap_or_else(|error| panic!("{what}: {error}"));
    let (method, path) =
        (request.method().as_str().to_lowercase(), request.url().path().to_owned());
    let answer = client.execute(request).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    (answer, method, path)
}

/// Fails unless a refusal is described where it was met.
pub(crate) fn describes(method: &str, path: &str, status: u16, code: &str) {
    let undescribed = undescribed(method, path, status, code);
    assert!(undescribed.is_none(), "{}", undescribed.unwrap_or_default());
}

/// What is missing if a refusal is not described where it was met. Methods and paths that nobody
/// serves have no place in a description.
pub(crate) fn undescribed(method: &str, path: &str, status: u16, code: &str) -> Option<String> {
    let description = description();
    let Some(route) = route(&description, path) else {
        let fine = matches!(status, 404 | 400);
        return (!fine).then(|| format!("{path} is served and not described"));
    };
    let operation = match &route[method] {
        Value::Null => METHODS.iter().map(|method| &route[*method]).find(|it| !it.is_null()),
        found => Some(found),
    };
    let response = &operation.expect("a route has operations")["responses"][status.to_string()];
    let response = followed(&description, response);
    let told = response["description"].as_str().unwrap_or_default();
    let missing = !told.contains(&format!("`{code}`"));
    missing.then(|| format!("{method} {path}: {status} {code} is not described"))
}

fn followed<'a>(description: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(path) => {
            description.pointer(path.trim_start_matches('#')).expect("a reference leads somewhere")
        }
        None => value,
    }
}

fn route<'a>(description: &'a Value, path: &str) -> Option<&'a Value> {
    let fits = |template: &str| {
        let (mut ours, mut theirs) = (template.split('/'), path.split('/'));
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return true,
                (Some(ours), Some(theirs)) if ours == theirs || ours.starts_with('{') => {}
                _ => return false,
            }
        }
    };
    let paths = description["paths"].as_object().unwrap();
    let found = paths.iter().find(|(template, _)| fits(template));
    found.map(|(_, route)| followed(description, route))
}

/// Each route in the code, as `method /path`; names of parameters aside.
fn routes(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            routes(&path, found);
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let nested = match path.file_name().and_then(std::ffi::OsStr::to_str) {
            Some("direct_line.rs") => "/v3/directline",
            Some("console.rs") => "/console/api",
            Some("connector.rs") => "/v3/conversations",
            Some("attachments.rs") => "/v3/attachments",
            _ => "",
        };
        for call in code.split(".route(").skip(1) {
            let (first, rest) = call.split_once(',').unwrap();
            let path = match first.trim().trim_matches('"') {
                "PATH" => {
                    code.split_once("const PATH: &str = \"").unwrap().1.split('"').next().unwrap()
                }
                literal => literal,
            };
            let prefix = if path.starts_with("/console") { "" } else { nested };
            let handlers = rest.split_once("fallback").map_or(rest, |(handlers, _)| handlers);
            for method in METHODS {
                if handlers.trim_start().starts_with(&format!("{method}("))
                    || handlers.contains(&format!(".{method}("))
                {
                    let whole = format!("{prefix}{}", if path == "/" { "" } else { path });
                    found.insert(format!("{method} {}", anonymous(&whole)));
                    // A bot without tokens calls the same below an address of its own.
                    if matches!(prefix, "/v3/conversations" | "/v3/attachments") {
                        found.insert(format!("{method} /bot/{{}}{}", anonymous(&whole)));
                    }
                }
            }
        }
    }
}

/// A path whose parameters have no names.
fn anonymous(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn every_route_is_described_and_every_description_has_a_route() {
    let mut in_code = BTreeSet::new();
    routes(&sources().join("edge"), &mut in_code);
    assert!(in_code.len() >= 10, "{in_code:?}");
    let description = description();
    let mut described = BTreeSet::new();
    for (path, route) in description["paths"].as_object().unwrap() {
        let route = followed(&description, route).as_object().unwrap();
        for method in route.keys().filter(|key| METHODS.contains(&key.as_str())) {
            described.insert(format!("{method} {}", anonymous(path)));
        }
    }
    assert_eq!(described, in_code);
}

/// References lead somewhere, and what is described is used.
#[test]
fn every_part_of_the_description_is_reached() {
    let description = description();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
    let text = description.to_string();
    for kind in ["schemas", "responses", "parameters"] {
        for name in description["components"][kind].as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(text.contains(&format!("\"{reference}\"")), "nobody uses {reference}");
        }
    }
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let path = reference.split('"').next().unwrap();
        assert!(description.pointer(path).is_some(), "{path} leads nowhere");
    }
    for scheme in text.split("\"security\":[{\"").skip(1) {
        let name = scheme.split('"').next().unwrap();
        assert!(description["components"]["securitySchemes"][name].is_object(), "{name}");
    }
}

#[tokio::test]
async fn the_gateway_serves_its_description() {
    let house = House::start(Setting::default()).await;
    let answer = house.http.get(format!("{}/openapi.json", house.origin())).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    let served: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(served, description());
}
