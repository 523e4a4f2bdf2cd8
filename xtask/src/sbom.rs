//! The bill of materials: what the binary and its pages are made of, as `CycloneDX` 1.6.
//!
//! Crates come from `cargo metadata`: those that the binary reaches by ordinary and build
//! dependencies on this platform, not what tests need. Packages of the pages come from their lock
//! file: what is among the `dependencies` of `web/package.json` reaches browsers, with all that it
//! needs; the rest only builds the pages and is left out. Sorted, and without a time or a random number:
//! the same sources make the same file.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::step;

/// Where it goes, below the workspace.
const FILE: &str = "target/warmline.cdx.json";

/// The package that is shipped.
const SHIPPED: &str = "warmline";

/// Writes it; the last line says where it is.
pub(crate) fn write() -> Result<()> {
    let root = step::workspace();
    let metadata = std::process::Command::new(std::env::var("CARGO").unwrap_or("cargo".to_owned()))
        .current_dir(&root)
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform"])
        .arg(host()?)
        .output()
        .context("cargo cannot be run")?;
    if !metadata.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&metadata.stderr));
    }
    let metadata = serde_json::from_slice(&metadata.stdout).context("cargo's answer is no JSON")?;
    let sbom = bill(&metadata, &lock_of_pages(&root)?)?;
    let count = sbom["components"].as_array().map_or(0, Vec::len);
    std::fs::write(root.join(FILE), serde_json::to_vec_pretty(&sbom)?)?;
    eprintln!("\n{count} components are in {FILE}");
    Ok(())
}

fn lock_of_pages(workspace: &Path) -> Result<Value> {
    let lock = std::fs::read(workspace.join("web/package-lock.json"));
    let lock = lock.context("the pages' lock file")?;
    serde_json::from_slice(&lock).context("the pages' lock file is no JSON")
}

/// The platform this is built for, as rustc names it.
fn host() -> Result<String> {
    let rustc = std::process::Command::new("rustc").arg("-vV").output().context("no rustc")?;
    let text = String::from_utf8(rustc.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say what it builds for")?.to_owned())
}

fn bill(metadata: &Value, lock: &Value) -> Result<Value> {
    let packages: BTreeMap<&str, &Value> = list(&metadata["packages"])
        .iter()
        .filter_map(|package| Some((package["id"].as_str()?, package)))
        .collect();
    let nodes: BTreeMap<&str, &Value> = list(&metadata["resolve"]["nodes"])
        .iter()
        .filter_map(|node| Some((node["id"].as_str()?, node)))
        .collect();
    let shipped = packages.iter().find(|(_, package)| package["name"] == SHIPPED);
    let (root, shipped) = shipped.context("the workspace has no such package")?;
    let (mut reached, mut next) = (BTreeSet::new(), vec![*root]);
    while let Some(id) = next.pop() {
        if reached.insert(id) {
            next.extend(nodes.get(id).into_iter().flat_map(|node| needed(node)));
        }
    }
    let mut components: BTreeMap<String, Value> = reached
        .iter()
        .filter(|id| *id != root)
        .filter_map(|id| packages.get(id).map(|package| crate_of(package)))
        .collect();
    let pages = lock["packages"].as_object().into_iter().flatten();
    components.extend(pages.filter_map(|(path, package)| page_package(path, package)));
    let dependencies: Vec<Value> = reached
        .iter()
        .filter_map(|id| {
            let on: BTreeSet<String> = nodes
                .get(id)?
                .get("deps")
                .map(|_| needed(nodes[id]))?
                .filter_map(|id| packages.get(id).map(|package| reference(package)))
                .collect();
            Some(json!({ "ref": reference(packages.get(id)?), "dependsOn": on }))
        })
        .collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": {
            "type": "application",
            "bom-ref": reference(shipped),
            "name": SHIPPED,
            "version": shipped["version"],
            "licenses": [{ "expression": shipped["license"] }],
        } },
        "components": components.into_values().collect::<Vec<_>>(),
        "dependencies": dependencies,
    }))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// What a crate needs to be built and to run.
fn needed(node: &Value) -> impl Iterator<Item = &str> {
    let only_tests = |dep: &&Value| {
        let kinds = list(&dep["dep_kinds"]);
        !kinds.is_empty() && kinds.iter().all(|kind| kind["kind"] == "dev")
    };
    let deps = list(&node["deps"]).iter().filter(move |dep| !only_tests(dep));
    deps.filter_map(|dep| dep["pkg"].as_str())
}

fn reference(package: &Value) -> String {
    let text = |name: &str| package[name].as_str().unwrap_or_default().to_owned();
    format!("pkg:cargo/{}@{}", text("name"), text("version"))
}

fn crate_of(package: &Value) -> (String, Value) {
    let url = reference(package);
    let mut component = json!({
        "type": "library",
        "bom-ref": url,
        "name": package["name"],
        "version": package["version"],
        "purl": url,
    });
    if let Some(license) = package["license"].as_str() {
        component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
    }
    (url, component)
}

/// A package that reaches a browser; `None` for what only builds the pages, and for the pages.
fn page_package(path: &str, package: &Value) -> Option<(String, Value)> {
    let name = path.rsplit_once("node_modules/")?.1;
    if package["dev"] == true {
        return None;
    }
    let version = package["version"].as_str()?;
    let url = format!("pkg:npm/{}@{version}", name.replace('@', "%40"));
    let mut component = json!({
        "type": "library",
        "bom-ref": url,
        "name": name,
        "version": version,
        "purl": url,
    });
    if let Some(license) = package["license"].as_str() {
        component["licenses"] = json!([{ "expression": license }]);
    }
    Some((url, component))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_tests_or_builds_of_pages_need_is_left_out() {
        let package = |name: &str| json!({"id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0"});
        let dep = |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [package("warmline"), package("a"), package("b"), package("c"), package("t")],
            "resolve": {"nodes": [
                {"id": "warmline", "deps": [dep("a", Value::Null), dep("t", json!("dev"))]},
                {"id": "a", "deps": [dep("b", json!("build"))]},
                {"id": "b", "deps": []}, {"id": "c", "deps": []}, {"id": "t", "deps": []},
            ]},
        });
        let lock = json!({"packages": {
            "": {"name": "web"},
            "node_modules/@x/y": {"version": "2.0.0", "license": "MIT"},
            "node_modules/vite": {"version": "3.0.0", "dev": true},
        }});
        let bill = bill(&metadata, &lock).unwrap();
        let names: Vec<_> = list(&bill["components"]).iter().map(|one| &one["purl"]).collect();
        assert_eq!(names, ["pkg:cargo/a@1.0.0", "pkg:cargo/b@1.0.0", "pkg:npm/%40x/y@2.0.0"]);
        assert_eq!(bill["components"][0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(bill["dependencies"][1], json!({"ref": "pkg:cargo/b@1.0.0", "dependsOn": []}));
    }

    /// What a page of ours takes from a package, by whichever way it says so.
    fn packages_of(source: &str) -> impl Iterator<Item = &str> {
        let ways = ["from '", "import '", "import('", "/node_modules/"];
        let after = ways.into_iter().flat_map(|way| source.split(way).skip(1));
        let names = after.filter_map(|rest| rest.split(['\'', '?']).next());
        names.filter(|name| !name.starts_with('.') && !name.contains(['\n', ' '])).map(|name| {
            let slashes = if name.starts_with('@') { 2 } else { 1 };
            name.match_indices('/').nth(slashes - 1).map_or(name, |(end, _)| &name[..end])
        })
    }

    #[test]
    fn what_our_pages_take_into_a_browser_is_in_the_bill() {
        let root = step::workspace();
        let lock = lock_of_pages(&root).unwrap();
        let pages = lock["packages"].as_object().unwrap().iter();
        let listed: BTreeSet<String> = pages
            .filter_map(|(path, package)| page_package(path, package))
            .map(|(_, component)| component["name"].as_str().unwrap().to_owned())
            .collect();
        let mut taken = BTreeSet::new();
        for file in std::fs::read_dir(root.join("web/src")).unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|kind| kind == "ts") {
                let source = std::fs::read_to_string(file).unwrap();
                taken.extend(packages_of(&source).map(str::to_owned));
            }
        }
        assert!(
            taken.contains("@hpke/core") && taken.contains("botframework-webchat"),
            "{taken:?}"
        );
        assert!(taken.is_subset(&listed), "left out: {:?}", taken.difference(&listed));
        assert!(!listed.contains("vite") && !listed.contains("playwright-core"));
    }
}
