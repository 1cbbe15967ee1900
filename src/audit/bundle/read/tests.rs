//! Tests that changes to a bundle's lines are found and named.

use std::time::Duration;

use kayan_fakes::SeededEntropy;
use kayan_ports::Entropy;
use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::{
    policy::seal::{Finding, What},
    stage::Stage,
};

struct Bundle {
    lines: Vec<String>,
    cmd: VerifyTrail,
}

async fn bundle() -> Bundle {
    let stage = Stage::new();
    for number in 0..6 {
        stage.person(&format!("anna{number}@example.org")).await;
        stage.clock.advance(Duration::from_secs(1));
    }
    stage.clock.advance(Duration::from_mins(2));
    stage.kayan.seal_events_by(4).await.unwrap();
    stage.person("late@example.org").await;
    let keys = stage.kayan.seal_public_keys().await.unwrap();
    let mut out = Vec::new();
    let done = stage.kayan.export_bundle(None, &keys, &mut out).await.unwrap();
    assert_eq!((done.tenants, done.events), (1, stage.store.events().len() as u64));
    assert!(done.seals > 2);
    let lines = String::from_utf8(out).unwrap().lines().map(str::to_owned).collect();
    Bundle { lines, cmd: VerifyTrail { keys, ..VerifyTrail::default() } }
}

impl Bundle {
    fn verify(&self) -> (Vec<TrailReport>, Option<BundleError>) {
        let mut reader = BundleReader::new(&self.cmd);
        for line in &self.lines {
            if let Err(error) = reader.take(parse(line.as_bytes())) {
                return (Vec::new(), Some(error));
            }
        }
        reader.finish()
    }

    fn finding(&self) -> Option<What> {
        let (reports, _) = self.verify();
        reports.first().and_then(|report| report.finding.clone()).map(|Finding { what, .. }| what)
    }

    /// The lines of sealed events.
    fn sealed(&self) -> Vec<usize> {
        let end = self.lines.iter().position(|line| line.starts_with("{\"unsealed\"")).unwrap();
        (0..end).filter(|line| self.lines[*line].starts_with("{\"event\"")).collect()
    }

    fn id(&self, line: usize) -> Uuid {
        let event: Value = serde_json::from_str(&self.lines[line]).unwrap();
        event["event"]["id"].as_str().unwrap().parse().unwrap()
    }
}

#[tokio::test]
async fn a_bundle_in_order_is_in_order() {
    let bundle = bundle().await;
    let (reports, damage) = bundle.verify();
    assert_eq!((reports.len(), &reports[0].finding, damage), (1, &None, None));
    assert_eq!(reports[0].events, bundle.sealed().len() as u64);
    assert!(reports[0].unsealed > 0);
}

#[tokio::test]
async fn lines_edited_removed_doubled_or_swapped_are_named() {
    let whole = bundle().await;
    let sealed = whole.sealed();
    let last = *sealed.last().unwrap();
    for at in sealed {
        let id = whole.id(at);
        let change = |change: &dyn Fn(&mut Vec<String>)| {
            let mut lines = whole.lines.clone();
            change(&mut lines);
            Bundle { lines, cmd: whole.cmd.clone() }.finding()
        };
        let edited = change(&|lines| lines[at] = lines[at].replace("\"risk_score\":", "\"risk_score\":1"));
        assert_eq!(edited, Some(What::Edited(id)));
        assert!(matches!(change(&|lines| drop(lines.remove(at))), Some(What::Removed(_))));
        let doubled = change(&|lines| lines.insert(at, lines[at].clone()));
        assert_eq!(doubled, Some(What::Inserted(id)));
        if at < last && whole.lines[at + 1].starts_with("{\"event\"") {
            let swapped = change(&|lines| lines.swap(at, at + 1));
            let either = [id, whole.id(at + 1)].map(|id| Some(What::Moved(id)));
            assert!(either.contains(&swapped), "{at}: {swapped:?}");
        }
    }
}

#[tokio::test]
async fn a_seal_removed_moved_or_of_another_tenant_is_named() {
    let whole = bundle().await;
    let seals: Vec<_> = (0..whole.lines.len()).filter(|line| whole.lines[*line].starts_with("{\"seal\"")).collect();
    for at in seals {
        let mut lines = whole.lines.clone();
        lines.remove(at);
        let bundle = Bundle { lines, cmd: whole.cmd.clone() };
        let (reports, damage) = bundle.verify();
        assert!(reports.iter().any(|report| report.finding.is_some()) || damage.is_some(), "{at}");
        let mut lines = whole.lines.clone();
        lines[at] = lines[at].replace("\"default\"", "\"other\"");
        let bundle = Bundle { lines, cmd: whole.cmd.clone() };
        let (reports, damage) = bundle.verify();
        assert!(reports.iter().any(|report| report.finding.is_some()) || damage.is_some(), "{at}");
    }
}

#[tokio::test]
async fn a_bundle_that_was_cut_off_says_so_wherever_that_was() {
    let whole = bundle().await;
    for length in 0..whole.lines.len() {
        let bundle = Bundle { lines: whole.lines[..length].to_vec(), cmd: whole.cmd.clone() };
        let (_, damage) = bundle.verify();
        assert!(damage.is_some(), "{length}");
    }
}

#[tokio::test]
async fn no_byte_of_a_sealed_line_can_be_changed_unnoticed() {
    let whole = bundle().await;
    let chance = SeededEntropy::new(1);
    for at in whole.sealed() {
        let mut bytes = whole.lines[at].clone().into_bytes();
        let mut random = [0; 2];
        chance.fill(&mut random);
        let place = usize::from(random[0]) * bytes.len() / 256;
        bytes[place] = bytes[place].wrapping_add(1 + random[1] % 5);
        let mut reader = BundleReader::new(&whole.cmd);
        let mut found = false;
        for (number, line) in whole.lines.iter().enumerate() {
            let line = if number == at { &bytes } else { line.as_bytes() };
            found |= reader.take(parse(line)).is_err();
        }
        let (reports, damage) = reader.finish();
        assert!(found || damage.is_some() || reports[0].finding.is_some(), "{:?}", String::from_utf8_lossy(&bytes));
    }
}
