//! Changes that make a valid body wrong, or keep it right in an odd form.

use crate::model::Model;
use crate::values::{self, Random};
use crate::xml::{Node, Xml};

/// Changes one thing; its name. None if there was nothing of that kind to change.
pub fn change(body: &mut Xml, model: &Model, random: &mut Random) -> Option<&'static str> {
    const CHANGES: [(usize, &str, Change); 19] = [
        (22, "value", value),
        (5, "drop", drop_one),
        (5, "double", double),
        (6, "swap", swap),
        (5, "rename", rename),
        (4, "move", move_one),
        (5, "namespace", namespace),
        (4, "prefix", prefix),
        (6, "nil", nil),
        (7, "type", named_type),
        (5, "attribute", attribute),
        (5, "between", between),
        (3, "comment", comment),
        (3, "cdata", cdata),
        (8, "extension", extension),
        (3, "wrap", wrap),
        (2, "empty", empty),
        (1, "many", many),
        (2, "root", root),
    ];
    let mut left = random.below(CHANGES.iter().map(|c| c.0).sum());
    for (weight, name, change) in CHANGES {
        if left < weight {
            return change(body, model, random).map(|()| name);
        }
        left -= weight;
    }
    None
}

type Change = fn(&mut Xml, &Model, &mut Random) -> Option<()>;

fn any<'a>(body: &'a mut Xml, random: &mut Random) -> &'a mut Xml {
    let n = random.below(body.count());
    body.nth(n)
}

/// An element whose content matches, looked for in a few draws.
fn one<'a>(body: &'a mut Xml, random: &mut Random, fits: fn(&Xml) -> bool) -> Option<&'a mut Xml> {
    let places: Vec<usize> = (0..body.count()).filter(|&n| fits(body.nth(n))).collect();
    if places.is_empty() {
        return None;
    }
    let n = *random.pick(&places);
    Some(body.nth(n))
}

fn leaf(x: &Xml) -> bool {
    x.children().is_empty() && x.name != "extension"
}

fn parent(x: &Xml) -> bool {
    !x.children().is_empty()
}

fn value(body: &mut Xml, model: &Model, random: &mut Random) -> Option<()> {
    let x = one(body, random, leaf)?;
    let all = [values::INTS, values::DATES, values::URIS, values::COUNTRIES, values::WORDS, values::TEXTS];
    let class = if random.chance(80) { model.class(&x.name) } else { random.pick(&all) };
    x.fill(&values::written(random.word(class)));
    Some(())
}

fn drop_one(body: &mut Xml, _: &Model, random: &mut Random) -> Option<()> {
    let x = one(body, random, parent)?;
    let at = *random.pick(&x.children());
    x.nodes.remove(at);
    Some(())
}

fn double(body: &mut Xml, _: &Model, random: &mut Random) -> Option<()> {
    let x = one(body, random, parent)?;
    let at = *random.pick(&x.children());
    let copy = x.nodes[at].clone();
    x.nodes.insert(at, copy);
    Some(())
}

fn swap(body: &mut Xml, _: &Model, random: &mut Random) -> Option<()> {
    let x = one(body, random, |x| x.children().len() > 1)?;
    let children = x.children();
    let (a, b) = (*random.pick(&children), *random.pick(&children));
    x.nodes.swap(a, b);
    Some(())
}

fn rename(body: &mut Xml, model: &Model, random: &mut Random) -> Option<()> {
    let odd = ["evil", "customerID", "CustomerId", "é", "a.b-c", "_"];
    let x = any(body, random);
    x.name = if random.chance(70) { random.pick(&model.names).clone() } else { random.word(&odd).to_owned() };
    Some(())
}

fn move_one(body: &mut Xml, _: &Model, random: &mut Random) -> Option<()> {
    let x = one(body, random, parent)?;
    let at = *random.pick(&x.children());
    let taken = x.nodes.remove(at);
    let target = any(body, random);
    let at = random.below(target.nodes.len() + 1);
    target.nodes.insert(at, taken);
    Some(())
}

fn namespace(body: &mut Xml, model: &Model, random: &mut Random) -> Option<()> {
    let upper = model.ns.to_uppercase();
    let slash = format!("{}/", model.ns);
    let others = ["", "urn:other", upper.as_str(), slash.as_str(), "http://www.w3.org/2001/XMLSchema"];
    let x = any(body, random);
    x.ns = (*random.pick(&others)).to_owned();
    Some(())
}

/// Still the same name.
fn prefix(body: &mut Xml, model: &Model, random: &mut Random) -> Option<()> {
    let x = any(body, random);
    x.prefixed = x.ns == model.ns;
    if random.chance(50) && x.prefixed {
        for node in &mut x.nodes {
            if let Node::Xml(child) = node {
                child.prefixed = child.ns == model.ns;
            }
        }
    }
    Some(())
}

fn nil(body: &mut Xml, _: &Model, random: &mut Random) -> Option<()> {
    let x = any(body, random);
    x.set("xsi:nil", random.word(values::NILS));
    if random.chance(60) {
        x.nodes.clear();
    }
    if random.chance(10) {
        x.set("a", "1");
    }
    Some(())
}

fn named_type(body: &mut Xml, _: &Model, random: &mut Random) -> Option<()> {
    let x = any(body, random);
    let own = match x.name.as_str() {
        "order" => "t:OrderInfo",
        "contact" => "t:Contact",
        "characteristics" => "t:CharacteristicList",
        "characteristic" => "t:Characteristic",
        "extension" => "t:Extension",
        "description" | "reason" => "t:Text",
        "requestedStartDate" | "requestedCompletionDate" | "changedSince" => "xs:dateTime",
        "notifyTo" => "xs:anyURI",
        _ => "t:Identifier",
    };
    x.set("xsi:type", if random.chance(50) { own } else { random.word(values::TYPES) });
    Some(())
}

fn attribute(body: &mut Xml, _: &Model, random: &mut Random) -> Option<()> {
    let (name, value) = random.pick(values::ATTRIBUTES);
    any(body, random).set(name, value);
    Some(())
}

fn between(body: &mut Xml, _: &Model, random: &mut Random) -> Option<()> {
    let x = one(body, random, parent)?;
    let at = random.below(x.nodes.len() + 1);
    x.nodes.insert(at, Node::Raw(random.word(values::BETWEEN).to_owned()));
    Some(())
}

fn comment(body: &mut Xml, _: &Model, random: &mut Random) -> Option<()> {
    let x = any(body, random);
    let at = random.below(x.nodes.len() + 1);
    x.nodes.insert(at, Node::Raw("<!-- c -->".to_owned()));
    Some(())
}

fn cdata(body: &mut Xml, _: &Model, random: &mut Random) -> Option<()> {
    let x = one(body, random, leaf)?;
    for node in &mut x.nodes {
        if let Node::Raw(raw) = node
            && !raw.contains(['<', '&', '>'])
        {
            *raw = format!("<![CDATA[{raw}]]>");
        }
    }
    Some(())
}

fn extension(body: &mut Xml, model: &Model, random: &mut Random) -> Option<()> {
    let raw = random.word(values::EXTENSIONS);
    if let Some(x) = one(body, random, |x| x.name == "extension") {
        x.fill(raw);
        return Some(());
    }
    let order = one(body, random, |x| x.name == "order")?;
    let mut x = Xml::new("extension", &model.ns);
    x.fill(raw);
    order.nodes.push(Node::Xml(x));
    Some(())
}

fn wrap(body: &mut Xml, model: &Model, random: &mut Random) -> Option<()> {
    let x = any(body, random);
    let name = if random.chance(50) { x.name.clone() } else { random.pick(&model.names).clone() };
    let mut inner = Xml::new(&name, &model.ns);
    std::mem::swap(&mut inner.nodes, &mut x.nodes);
    x.nodes.push(Node::Xml(inner));
    Some(())
}

fn empty(body: &mut Xml, _: &Model, random: &mut Random) -> Option<()> {
    any(body, random).nodes.clear();
    Some(())
}

/// About as many as a list may have.
fn many(body: &mut Xml, _: &Model, random: &mut Random) -> Option<()> {
    let x = one(body, random, parent)?;
    let at = *random.pick(&x.children());
    let copy = x.nodes[at].clone();
    let have = x.children().len();
    let most = if x.name == "Subscribe" { 11 } else { 99 };
    for _ in 0..(most + random.below(4)).saturating_sub(have) {
        x.nodes.insert(at, copy.clone());
    }
    Some(())
}

fn root(body: &mut Xml, model: &Model, random: &mut Random) -> Option<()> {
    match random.below(4) {
        0 => body.name = random.pick(&model.names).clone(),
        1 => body.prefixed = true,
        2 => body.set("xsi:type", random.word(values::TYPES)),
        _ => body.set("xsi:nil", random.word(values::NILS)),
    }
    Some(())
}
