use super::*;
use serde_json::json;

fn version(id: &str, downgrade: Downgrade, withdrawn: bool) -> Version {
    Version {
        id: id.to_owned(),
        released: None,
        downgrade,
        withdrawn,
        notes: String::new(),
        digest: String::new(),
        runtime: Runtime::default(),
    }
}

fn plan(id: &str) -> Plan {
    Plan {
        id: id.to_owned(),
        name: id.to_owned(),
        description: String::new(),
        vcpu: 1,
        memory_mib: 256,
        disk_gib: 1,
        price: Price { amount: "1.00".into(), currency: "EUR".into(), period: Period::Month },
        backup: None,
    }
}

fn declared(name: &str, kind: Kind, required: Required) -> Declared {
    Declared {
        name: name.to_owned(),
        kind,
        required,
        default: None,
        description: String::new(),
        pattern: None,
        min: None,
        max: None,
        values: vec![],
    }
}

fn application(characteristics: Vec<Declared>) -> Application {
    Application {
        id: "app".into(),
        name: "App".into(),
        provider: Provider { name: "P".into(), url: None },
        support: Support { email: Some("a@b.example".into()), phone: None, url: None },
        description: String::new(),
        category: "other".into(),
        icon: "icon.svg".into(),
        screenshots: vec![],
        placement: Placement::Shared,
        multiple: false,
        seats: None,
        characteristics,
        plans: vec![plan("s"), plan("m"), plan("l")],
        versions: vec![
            version("1.0", Downgrade::Refuse, false),
            version("1.1", Downgrade::Keep, false),
            version("2.0", Downgrade::Migrate, false),
            version("3.0", Downgrade::Keep, true),
        ],
        estimates: BTreeMap::from([("install".to_owned(), 7)]),
    }
}

fn given(pairs: &[(&str, Value)]) -> BTreeMap<String, Value> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect()
}

#[test]
fn ranks_follow_the_manifest_order_not_the_text() {
    let app = application(vec![]);
    assert_eq!(app.compare_plans("s", "l"), Some(Ordering::Greater));
    assert_eq!(app.compare_plans("m", "s"), Some(Ordering::Less));
    assert_eq!(app.compare_plans("m", "m"), Some(Ordering::Equal));
    assert_eq!(app.compare_plans("m", "xl"), None);
    assert_eq!(app.compare_versions("1.0", "2.0"), Some(Ordering::Greater));
    assert_eq!(app.version_rank("2.0"), Some(2));
}

#[test]
fn a_withdrawn_version_is_found_but_not_the_newest_to_order() {
    let mut app = application(vec![]);
    assert!(app.version("3.0").is_some());
    assert_eq!(app.newest_orderable().map(|v| v.id.as_str()), Some("2.0"));
    for v in &mut app.versions {
        v.withdrawn = true;
    }
    assert_eq!(app.newest_orderable(), None);
}

#[test]
fn a_downgrade_is_as_strict_as_the_strictest_version_left() {
    let app = application(vec![]);
    assert_eq!(app.downgrade("1.1", "1.0"), Some(Downgrade::Keep));
    assert_eq!(app.downgrade("3.0", "1.0"), Some(Downgrade::Migrate));
    assert_eq!(app.downgrade("3.0", "2.0"), Some(Downgrade::Keep));
    assert_eq!(app.downgrade("1.0", "2.0"), None, "that is an upgrade");
    assert_eq!(app.downgrade("2.0", "2.0"), None);
    assert_eq!(app.downgrade("2.0", "0.1"), None);
}

#[test]
fn quantity_needs_seats() {
    let mut app = application(vec![]);
    assert!(app.check_quantity(1).is_ok());
    assert!(app.check_quantity(2).is_err());
    app.seats = Some(Seats { min: 2, max: 5 });
    assert!(app.check_quantity(5).is_ok());
    assert_eq!(app.check_quantity(1), Err("must be 2 to 5 seats".to_owned()));
}

#[test]
fn characteristics_are_typed_defaulted_and_all_faults_told() {
    let mut name = declared("shareName", Kind::String, Required::Yes);
    name.pattern = Some("[a-z]+|x1".to_owned());
    name.max = Some(5);
    let mut size = declared("maxMib", Kind::Integer, Required::No);
    (size.min, size.max, size.default) = (Some(1), Some(10), Some(json!(4)));
    let mut tier = declared("tier", Kind::String, Required::No);
    tier.values = vec![json!("gold"), json!("tin")];
    let app = application(vec![
        name,
        size,
        tier,
        declared("open", Kind::Boolean, Required::No),
        declared("domain", Kind::String, Required::BeforeStart),
    ]);

    let resolved = app
        .check_characteristics(&given(&[
            ("plan", json!("s")),
            ("shareName", json!("abc")),
            ("open", json!("true")),
            ("tier", json!("tin")),
        ]))
        .unwrap();
    assert_eq!(
        resolved.values,
        given(&[
            ("shareName", json!("abc")),
            ("open", json!(true)),
            ("tier", json!("tin")),
            ("maxMib", json!(4))
        ])
    );
    assert_eq!(resolved.missing, ["domain"]);

    let cases = [
        ("maxMib", json!("12"), "must be 1 to 10"),
        ("maxMib", json!(0), "must be 1 to 10"),
        ("maxMib", json!(1.5), "must be an integer"),
        ("maxMib", json!("four"), "must be an integer"),
        ("open", json!("yes"), "must be true or false"),
        ("open", json!(1), "must be true or false"),
        ("tier", json!("lead"), "must be one of gold, tin"),
        ("shareName", json!("ABC"), "must match [a-z]+|x1"),
        ("shareName", json!("x1y"), "must match [a-z]+|x1"),
        ("shareName", json!("abcdef"), "must have 5 or less characters"),
        ("shareName", json!("a\nb"), "must not have control characters"),
        ("shareName", json!(["a"]), "must be text"),
        ("shareName", Value::Null, "is required and missing"),
        ("domain", json!("x".repeat(1025)), "must have at most 1024 characters"),
        ("colour", json!("red"), "is unknown: app declares shareName, maxMib, tier, open, domain"),
    ];
    for (path, value, message) in cases {
        let mut all = given(&[("shareName", json!("abc"))]);
        all.insert(path.to_owned(), value);
        let errors = app.check_characteristics(&all).unwrap_err();
        assert_eq!(errors, [CharacteristicError { path: path.into(), message: message.into() }]);
    }
    let errors = app.check_characteristics(&given(&[("a", json!(1)), ("maxMib", json!(99))])).unwrap_err();
    assert_eq!(errors.iter().map(|e| e.path.as_str()).collect::<Vec<_>>(), ["a", "shareName", "maxMib"]);
}

#[test]
fn limits_and_estimates_fall_back_to_the_format_defaults() {
    let app = application(vec![]);
    assert_eq!((app.estimate("install"), app.estimate("health"), app.estimate("dance")), (7, 5, 0));
    assert_eq!(app.versions[0].runtime.time_limit("backup"), 3600);
}

#[test]
fn ids_versions_and_names_have_their_forms() {
    for good in ["a", "0a", "file-share", &"a".repeat(32)] {
        assert!(is_id(good), "{good}");
    }
    for bad in ["", "-a", "A", "a.b", "a_b", "ä", &"a".repeat(33)] {
        assert!(!is_id(bad), "{bad}");
    }
    for good in ["1", "1.0", "v2.0-rc.1+b5", "2025.1"] {
        assert!(is_version(good), "{good}");
    }
    for bad in ["", ".1", "-1", "1/0", "1 0", "..", &"1".repeat(33)] {
        assert!(!is_version(bad), "{bad}");
    }
    assert!(
        is_characteristic_name("shareName")
            && !is_characteristic_name("Share")
            && !is_characteristic_name("a_b")
    );
}

#[test]
fn an_application_comes_back_from_json() {
    let app = application(vec![declared("domain", Kind::String, Required::BeforeStart)]);
    let text = serde_json::to_string(&app).unwrap();
    assert!(text.contains("\"memoryMib\":256") && text.contains("\"before-start\""));
    assert_eq!(serde_json::from_str::<Application>(&text).unwrap(), app);
}
