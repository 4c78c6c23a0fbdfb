//! Policies: each part, their order, and rules against an evaluation that is written as it reads.

use std::net::IpAddr;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{Claims, asked, no_header};
use crate::access::{
    AccessPolicy, Action, Asked, ClaimNames, Condition, Demand, Denial, Effect, Networks, Rule, Tie, TieFrom,
};
use crate::claim::{ClaimDemand, ClaimRules};

fn boxed(words: &[&str]) -> Box<[Box<str>]> {
    words.iter().map(|word| Box::from(*word)).collect()
}

/// Demands nothing.
fn open() -> AccessPolicy {
    AccessPolicy {
        shadow: false,
        params: [0].into(),
        names: ClaimNames { roles: "realm.roles".into(), actions: "allowed_actions".into() },
        scopes: Demand::default(),
        roles: Demand::default(),
        action: None,
        tenant: None,
        project: None,
        rules: None,
    }
}

fn action(text: &str) -> Action {
    Action::parse(text, |name| (name == "id").then_some(0)).expect("a test's action is well formed")
}

fn claim(name: &str, value: Value) -> Condition {
    let demand = ClaimDemand {
        name: name.into(),
        required: true,
        any_of: Some(vec![value]),
        ..ClaimDemand::default()
    };
    Condition::Claims(ClaimRules::compile(&[demand]).expect("a demand"))
}

fn client(network: &str) -> Condition {
    Condition::Client(Networks::parse(&[network.to_owned()]).expect("a network"))
}

fn methods(words: &[&str]) -> Condition {
    Condition::Method(words.iter().map(|word| word.as_bytes().into()).collect())
}

fn ruled(rules: Vec<(Effect, Condition)>) -> AccessPolicy {
    let rules = rules.into_iter().map(|(effect, condition)| Rule { effect, condition }).collect();
    AccessPolicy { rules: Some(rules), ..open() }
}

fn check(policy: &AccessPolicy, claims: Value, id: &str) -> Result<(), Denial> {
    let claims = Claims::new(claims);
    policy.check(&asked(Some(&claims), &[Some(id)], &no_header))
}

#[test]
fn each_part_refuses_for_its_own_reason() {
    let demand = |all: &[&str], any: &[&str]| Demand { all_of: boxed(all), any_of: boxed(any) };
    let tie = |claim: &str| Some(Tie { from: TieFrom::Param(0), claim: claim.into() });
    let scopes = AccessPolicy { scopes: demand(&["r"], &["w", "x"]), ..open() };
    let roles = AccessPolicy { roles: demand(&["staff"], &["admin", "ops"]), ..open() };
    let acts = AccessPolicy { action: Some(action("update:doc:{id}")), ..open() };
    let tenant = AccessPolicy { tenant: tie("tenant_id"), ..open() };
    let project = AccessPolicy { project: tie("project_scope"), ..open() };
    for (policy, claims, expected) in [
        (&open(), json!({}), Ok(())),
        (&scopes, json!({ "scope": "x r" }), Ok(())),
        (&scopes, json!({ "scope": "r" }), Err(Denial::Scope)),
        (&scopes, json!({ "scope": "w x" }), Err(Denial::Scope)),
        (&roles, json!({ "realm": { "roles": ["ops", "staff"] } }), Ok(())),
        (&roles, json!({ "realm": { "roles": ["staff"] } }), Err(Denial::Role)),
        (&roles, json!({ "realm": { "roles": ["ops", "admin"] } }), Err(Denial::Role)),
        (&roles, json!({ "realm": { "roles": "staff ops" } }), Err(Denial::Role)),
        (&roles, json!({ "realm": { "roles": ["Staff", "OPS"] } }), Err(Denial::Role)),
        (&roles, json!({ "roles": ["staff", "ops"] }), Err(Denial::Role)),
        (&roles, json!({}), Err(Denial::Role)),
        (&roles, json!({ "realm": { "roles": ["ops", "staff", 1] } }), Err(Denial::Malformed)),
        (&roles, json!({ "realm": { "roles": { "ops": 1, "staff": 1 } } }), Err(Denial::Malformed)),
        (&acts, json!({ "allowed_actions": ["update:doc:*"] }), Ok(())),
        (&acts, json!({ "allowed_actions": ["read:doc:*"] }), Err(Denial::Action)),
        (&acts, json!({ "allowed_actions": 7 }), Err(Denial::Malformed)),
        (&acts, json!({}), Err(Denial::Action)),
        (&tenant, json!({ "tenant_id": "7" }), Ok(())),
        (&tenant, json!({ "project_scope": "7" }), Err(Denial::Tenant)),
        (&project, json!({ "project_scope": ["6", "7"] }), Ok(())),
        (&project, json!({ "project_scope": ["6"] }), Err(Denial::Project)),
    ] {
        assert_eq!(check(policy, claims.clone(), "7"), expected, "{claims}");
    }
    for policy in [&scopes, &roles, &acts, &tenant, &project, &ruled(vec![])] {
        let nobody: Option<&Claims> = None;
        assert_eq!(policy.check(&asked(nobody, &[Some("7")], &no_header)), Err(Denial::Anonymous));
    }
}

#[test]
fn one_string_is_one_role() {
    let admin = AccessPolicy { roles: Demand { all_of: boxed(&["admin"]), any_of: boxed(&[]) }, ..open() };
    assert_eq!(check(&admin, json!({ "realm": { "roles": "admin" } }), "7"), Ok(()));
    assert_eq!(check(&admin, json!({ "realm": { "roles": "admin user" } }), "7"), Err(Denial::Role));
    let spaced =
        AccessPolicy { roles: Demand { all_of: boxed(&["admin user"]), any_of: boxed(&[]) }, ..open() };
    assert_eq!(check(&spaced, json!({ "realm": { "roles": "admin user" } }), "7"), Ok(()));
}

#[test]
fn the_first_rule_that_holds_decides() {
    let role = |word: &str| Condition::Role(boxed(&[word]));
    let policy = ruled(vec![
        (Effect::Deny, client("203.0.113.0/24")),
        (Effect::Allow, role("admin")),
        (Effect::Deny, claim("suspended", json!(true))),
        (Effect::Allow, Condition::All([Condition::Scope(boxed(&["r"])), methods(&["GET"])].into())),
        (Effect::Allow, Condition::Action(action("update:doc:{id}"))),
        (Effect::Deny, Condition::None([role("guest"), role("staff")].into())),
        (Effect::Allow, Condition::Any([claim("team", json!("a")), claim("team", json!("b"))].into())),
    ]);
    let inside = IpAddr::from([203, 0, 113, 9]);
    let mapped: IpAddr = "::ffff:203.0.113.9".parse().expect("an address");
    let here = IpAddr::from([192, 0, 2, 1]);
    let denied = Err(Denial::Rule);
    for (claims, method, from, expected) in [
        (json!({ "realm": { "roles": ["admin"] } }), "DELETE", here, Ok(())),
        (json!({ "realm": { "roles": ["admin"] } }), "DELETE", inside, denied),
        (json!({ "realm": { "roles": ["admin"] } }), "DELETE", mapped, denied),
        (json!({ "realm": { "roles": ["admin"] }, "suspended": true }), "GET", here, Ok(())),
        (json!({ "scope": "r", "suspended": true }), "GET", here, denied),
        (json!({ "scope": "r" }), "GET", here, Ok(())),
        (json!({ "scope": "r" }), "HEAD", here, Ok(())),
        (json!({ "scope": "r" }), "get", here, denied),
        (json!({ "scope": "r" }), "POST", here, denied),
        (json!({ "allowed_actions": ["update:*"] }), "POST", here, Ok(())),
        (json!({ "realm": { "roles": ["guest"] }, "team": "b" }), "POST", here, Ok(())),
        (json!({ "realm": { "roles": ["guest"] }, "team": "c" }), "POST", here, denied),
        (json!({ "team": "a" }), "POST", here, denied),
        (json!({ "realm": { "roles": 5 } }), "POST", here, Err(Denial::Malformed)),
        (json!({ "realm": { "roles": 5 } }), "POST", inside, denied),
    ] {
        let holder = Claims::new(claims.clone());
        let params = [Some("7")];
        let request =
            Asked { method: method.as_bytes(), client: from, ..asked(Some(&holder), &params, &no_header) };
        assert_eq!(policy.check(&request), expected, "{claims} {method} {from}");
    }
}

#[test]
fn a_claim_that_cannot_be_read_refuses_whether_a_rule_allows_or_denies() {
    let role = || Condition::Role(boxed(&["banned"]));
    let bad = json!({ "realm": { "roles": ["banned", 1] } });
    for rules in [
        vec![(Effect::Deny, role()), (Effect::Allow, Condition::All([].into()))],
        vec![(Effect::Allow, Condition::None([role()].into()))],
        vec![(Effect::Allow, Condition::Any([role(), methods(&["GET"])].into()))],
    ] {
        assert_eq!(check(&ruled(rules), bad.clone(), "7"), Err(Denial::Malformed));
    }
    let before = ruled(vec![(Effect::Allow, methods(&["GET"])), (Effect::Deny, role())]);
    assert_eq!(check(&before, bad, "7"), Ok(()), "it is read only where it is asked for");
}

#[test]
fn a_value_that_no_action_can_hold_refuses_whether_a_rule_allows_or_denies() {
    let banned = || Condition::Action(action("banned:doc:{id}"));
    for rules in [
        vec![(Effect::Deny, banned()), (Effect::Allow, Condition::All([].into()))],
        vec![(Effect::Allow, Condition::None([banned()].into()))],
        vec![(Effect::Allow, Condition::Any([banned(), methods(&["GET"])].into()))],
    ] {
        let policy = ruled(rules);
        for id in ["7:8", "*", ""] {
            assert_eq!(check(&policy, json!({ "allowed_actions": ["x"] }), id), Err(Denial::Action), "{id}");
        }
        assert_eq!(check(&policy, json!({ "allowed_actions": ["x"] }), "7"), Ok(()));
    }
}

#[test]
fn rules_that_ask_for_nothing_of_a_token_hold_without_one() {
    let inside = ruled(vec![(Effect::Allow, client("192.0.2.0/24"))]);
    let outside = ruled(vec![(Effect::Allow, client("198.51.100.0/24"))]);
    let role = ruled(vec![
        (Effect::Allow, Condition::Role(boxed(&["a"]))),
        (Effect::Allow, claim("a", json!(1))),
        (Effect::Allow, Condition::Action(action("read"))),
        (Effect::Allow, Condition::Scope(boxed(&["r"]))),
    ]);
    let denied = ruled(vec![(Effect::Deny, client("192.0.2.1"))]);
    let nobody: Option<&Claims> = None;
    for (policy, expected) in [
        (inside, Ok(())),
        (outside, Err(Denial::Anonymous)),
        (role, Err(Denial::Anonymous)),
        (denied, Err(Denial::Rule)),
    ] {
        assert_eq!(policy.check(&asked(nobody, &[], &no_header)), expected);
    }
}

#[test]
fn an_operator_is_told_each_part() {
    let policy = AccessPolicy {
        roles: Demand { all_of: boxed(&["a", "b"]), any_of: boxed(&["c"]) },
        action: Some(action("update:doc:{id}")),
        tenant: Some(Tie { from: TieFrom::Param(0), claim: "tenant_id".into() }),
        ..ruled(vec![(Effect::Deny, methods(&["POST"])), (Effect::Allow, Condition::All([].into()))])
    };
    let claims = Claims::new(json!({ "tenant_id": "7", "realm": { "roles": ["a"] } }));
    let told = policy.tell(&asked(Some(&claims), &[Some("7")], &no_header), |_| "id");
    let told: Vec<_> = told.iter().map(|one| (one.part, &*one.detail, one.denial)).collect();
    assert_eq!(
        told,
        [
            (
                "roles",
                "all of a, b in the claim realm.roles and one of c in the claim realm.roles",
                Some(Denial::Role)
            ),
            ("action", "update:doc:7 in the claim allowed_actions", Some(Denial::Action)),
            ("tenant", "the parameter id (7) in the claim tenant_id", None),
            ("rules", "rules[1] allows", None),
        ]
    );
    let star = policy.tell(&asked(Some(&claims), &[Some("*")], &no_header), |_| "id");
    assert_eq!(
        star[1].detail,
        "update:doc:{id}, with a value that no action can hold, in the claim allowed_actions"
    );
}

/// A condition as the property test draws it.
#[derive(Clone, Debug)]
enum Drawn {
    Role(Vec<&'static str>),
    Scope(&'static str),
    Method(&'static str),
    Inside(bool),
    Team(&'static str),
    All(Vec<Drawn>),
    Any(Vec<Drawn>),
    None(Vec<Drawn>),
}

impl Drawn {
    fn compiled(&self) -> Condition {
        let all = |of: &[Drawn]| of.iter().map(Drawn::compiled).collect();
        match self {
            Drawn::Role(words) => Condition::Role(boxed(words)),
            Drawn::Scope(word) => Condition::Scope(boxed(&[word])),
            Drawn::Method(word) => methods(&[word]),
            Drawn::Inside(true) => client("192.0.2.0/24"),
            Drawn::Inside(false) => client("198.51.100.0/24"),
            Drawn::Team(word) => claim("team", json!(word)),
            Drawn::All(of) => Condition::All(all(of)),
            Drawn::Any(of) => Condition::Any(all(of)),
            Drawn::None(of) => Condition::None(all(of)),
        }
    }

    /// For a `GET` from 192.0.2.1.
    fn holds(&self, roles: &[&str], scopes: &[&str], team: &str) -> bool {
        let mut all = Vec::new();
        if let Drawn::All(of) | Drawn::Any(of) | Drawn::None(of) = self {
            all.extend(of.iter().map(|one| one.holds(roles, scopes, team)));
        }
        match self {
            Drawn::Role(words) => words.iter().any(|word| roles.contains(word)),
            Drawn::Scope(word) => scopes.contains(word),
            Drawn::Method(word) => *word == "GET",
            Drawn::Inside(inside) => *inside,
            Drawn::Team(word) => *word == team,
            Drawn::All(_) => !all.contains(&false),
            Drawn::Any(_) => all.contains(&true),
            Drawn::None(_) => !all.contains(&true),
        }
    }
}

fn words() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(vec!["a", "b", "c"], 0..=3)
}

fn a_condition() -> impl Strategy<Value = Drawn> {
    let word = || prop::sample::select(vec!["a", "b", "c"]);
    let leaf = prop_oneof![
        prop::sample::subsequence(vec!["a", "b", "c"], 1..=2).prop_map(Drawn::Role),
        word().prop_map(Drawn::Scope),
        prop::sample::select(vec!["GET", "POST"]).prop_map(Drawn::Method),
        any::<bool>().prop_map(Drawn::Inside),
        word().prop_map(Drawn::Team),
    ];
    leaf.prop_recursive(2, 12, 3, |inner| {
        let of = || prop::collection::vec(inner.clone(), 0..3);
        prop_oneof![of().prop_map(Drawn::All), of().prop_map(Drawn::Any), of().prop_map(Drawn::None)]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn rules_decide_like_the_naive_evaluation(
        rules in prop::collection::vec((any::<bool>(), a_condition()), 0..5),
        roles in words(), scopes in words(), team in prop::sample::select(vec!["a", "b", "c", "d"]),
    ) {
        let first = rules.iter().find(|(_, condition)| condition.holds(&roles, &scopes, team));
        let expected = if first.is_some_and(|(allows, _)| *allows) { Ok(()) } else { Err(Denial::Rule) };
        let effect = |allows: bool| if allows { Effect::Allow } else { Effect::Deny };
        let policy = ruled(rules.iter().map(|(allows, condition)| (effect(*allows), condition.compiled())).collect());
        let claims = json!({ "realm": { "roles": roles }, "scope": scopes.join(" "), "team": team });
        prop_assert_eq!(check(&policy, claims, "7"), expected, "{:?}", rules);
    }
}
