//! What can be ordered: packages imported into the database, and the applications in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use telvisor_model::catalogue::{Application, Version};
use telvisor_model::plan::{Size, Target};

use super::{Package, PackageError};
use crate::access::{Caller, DEFAULT_TENANT, Door};
use crate::hypervisor::Role;
use crate::store::subscriptions::SubscriptionRow;
use crate::store::{Db, StoreError, System, Tx};

/// Why packages could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{folder}: {source}")]
    Package { folder: String, source: PackageError },
    #[error("{folder}: {source}")]
    Folder { folder: String, source: std::io::Error },
    #[error(
        "{application} {version} was published with other content (digest {published}, now {found}): \
         a published version never changes; give the new content a new version"
    )]
    Changed { application: String, version: String, published: String, found: String },
    #[error(
        "{application}: plan {plan} is gone from the manifest but is known; keep it, subscriptions may have it"
    )]
    PlanGone { application: String, plan: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Processes that start at the same moment import one after another.
const LOCK: &str = "catalogue";

/// What a worker needs to run one version, as stored under its digest.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Content {
    pub version: Version,
    pub scripts: BTreeMap<Role, String>,
    /// path, mode, base64 of the octets.
    pub files: Vec<(String, u32, String)>,
}

/// The applications in memory, in catalogue order.
#[derive(Default)]
pub struct Catalogue {
    applications: RwLock<Arc<Vec<Application>>>,
    /// When each of them last changed.
    changed: RwLock<BTreeMap<String, DateTime<Utc>>>,
    /// Contents by digest: they never change.
    contents: RwLock<BTreeMap<String, Arc<Content>>>,
}

impl Catalogue {
    /// All applications, smallest catalogue position first.
    #[must_use]
    pub fn all(&self) -> Arc<Vec<Application>> {
        self.applications.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An application by its id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Application> {
        self.all().iter().find(|a| a.id == id).cloned()
    }

    /// When an application's entry last changed: its package was imported with other content.
    #[must_use]
    pub fn changed(&self, id: &str) -> Option<DateTime<Utc>> {
        self.changed.read().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    /// What a step needs to know of a subscription.
    #[must_use]
    pub fn target(&self, s: &SubscriptionRow) -> Option<Target> {
        let plan = self.find(&s.application)?.plan(&s.plan)?.clone();
        Some(Target {
            subscription: s.id,
            application: s.application.clone(),
            version: s.version.clone(),
            plan: s.plan.clone(),
            digest: s.digest.clone(),
            size: Size { vcpu: plan.vcpu, memory_mib: plan.memory_mib, disk_gib: plan.disk_gib },
        })
    }

    /// What a worker needs to run the version with this digest.
    ///
    /// # Errors
    /// When the database does not answer, or the content cannot be read.
    pub async fn content(&self, db: &Db, digest: &str) -> Result<Option<Arc<Content>>, StoreError> {
        if let Some(known) = self.contents.read().unwrap_or_else(PoisonError::into_inner).get(digest) {
            return Ok(Some(known.clone()));
        }
        let Some(stored) = db.read_system().await?.package_content(digest).await? else { return Ok(None) };
        let content: Content = serde_json::from_value(stored.0).map_err(|e| StoreError::BadValue {
            column: "content".into(),
            query: "package_versions by digest",
            reason: e.to_string(),
        })?;
        let content = Arc::new(content);
        self.contents
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(digest.to_owned(), content.clone());
        Ok(Some(content))
    }

    /// Reads the applications from the database.
    ///
    /// # Errors
    /// When the database does not answer, or an entry cannot be read.
    pub async fn load(&self, db: &Db) -> Result<(), StoreError> {
        let mut tx = db.read_system().await?;
        let withdrawn: Vec<_> =
            tx.package_versions().await?.into_iter().filter(|v| v.withdrawn_at.is_some()).collect();
        let mut applications = vec![];
        for mut application in tx.applications().await? {
            for version in &mut application.versions {
                version.withdrawn |=
                    withdrawn.iter().any(|w| w.application == application.id && w.version == version.id);
            }
            applications.push(application);
        }
        let changed = tx.applications_changed().await?.into_iter().collect();
        *self.changed.write().unwrap_or_else(PoisonError::into_inner) = changed;
        *self.applications.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(applications);
        Ok(())
    }
}

/// Imports every package folder below `dir`, in the order of their names.
///
/// # Errors
/// Names the folder and all that is wrong with it; what was published before stays.
pub async fn import(db: &Db, dir: &Path) -> Result<usize, ImportError> {
    let at = |source| ImportError::Folder { folder: dir.display().to_string(), source };
    let mut folders = vec![];
    for entry in std::fs::read_dir(dir).map_err(at)? {
        let path = entry.map_err(at)?.path();
        if path.join("manifest.toml").is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    let mut present = vec![];
    for (position, folder) in folders.iter().enumerate() {
        let package = super::load(folder)
            .map_err(|source| ImportError::Package { folder: folder.display().to_string(), source })?;
        publish(db, &package, i64::try_from(position).unwrap_or(i64::MAX)).await?;
        present.push(package.application.id);
    }
    withdraw_absent(db, &present).await?;
    Ok(folders.len())
}

/// An application whose folder is gone stays usable for its subscriptions and cannot be ordered.
async fn withdraw_absent(db: &Db, present: &[String]) -> Result<(), ImportError> {
    let mut tx = db.system().await?;
    tx.lock_word(LOCK).await?;
    let mut deeds = vec![];
    for v in tx.package_versions().await? {
        if !present.contains(&v.application) && tx.set_withdrawn(&v.application, &v.version, true).await? {
            deeds.push(Deed::withdrawn(&v.application, &v.version, "its package is gone"));
        }
    }
    write_down(tx, deeds).await?;
    Ok(())
}

/// What an import did to a version, for the audit.
struct Deed {
    action: &'static str,
    /// Application and version.
    object: String,
    detail: Value,
}

impl Deed {
    fn new(action: &'static str, application: &str, version: &str, detail: Value) -> Self {
        Self { action, object: format!("{application} {version}"), detail }
    }

    fn withdrawn(application: &str, version: &str, why: &str) -> Self {
        Self::new("package.withdraw", application, version, json!({ "reason": why }))
    }
}

/// Commits, with what was done in the audit. Packages are the installation's, whose audit is the default tenant's.
async fn write_down(tx: Tx<System>, deeds: Vec<Deed>) -> Result<(), StoreError> {
    let caller = Caller::system(DEFAULT_TENANT, Door::System);
    let mut tx = tx.for_tenant(DEFAULT_TENANT);
    for d in deeds {
        tx.audit(&caller, d.action, &d.object, Some(&d.detail)).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Publishes one package: its versions once and for all, its catalogue entry anew.
async fn publish(db: &Db, package: &Package, position: i64) -> Result<(), ImportError> {
    let mut tx = db.system().await?;
    tx.lock_word(LOCK).await?;
    let mut application = package.application.clone();
    let mut deeds = vec![];
    let known = known(&mut tx, &application.id).await?;
    if let Some(known) = &known {
        if let Some(gone) = known.plans.iter().find(|p| application.plan(&p.id).is_none()) {
            return Err(ImportError::PlanGone { application: application.id, plan: gone.id.clone() });
        }
        keep_gone(&known.versions, &mut application.versions);
        for v in application.versions.iter().filter(|v| package.application.version(&v.id).is_none()) {
            if tx.set_withdrawn(&application.id, &v.id, true).await? {
                deeds.push(Deed::withdrawn(&application.id, &v.id, "it left the manifest"));
            }
        }
    }
    for version in &package.versions {
        let entry = application.version(&version.version).cloned();
        let Some(entry) = entry else { continue };
        let content = Content {
            version: entry.clone(),
            scripts: version.scripts.clone(),
            files: version
                .files
                .iter()
                .map(|f| (f.path.clone(), f.mode, BASE64.encode(&f.content)))
                .collect(),
        };
        let content = serde_json::to_value(&content).expect("plain data");
        let (stands, new) =
            tx.publish_version(&application.id, &version.version, &version.digest, &content).await?;
        if stands != version.digest {
            return Err(ImportError::Changed {
                application: application.id,
                version: version.version.clone(),
                published: stands,
                found: version.digest.clone(),
            });
        }
        let (id, v) = (&application.id, &version.version);
        if new {
            deeds.push(Deed::new("package.publish", id, v, json!({ "digest": version.digest })));
        }
        match (tx.set_withdrawn(id, v, entry.withdrawn).await?, entry.withdrawn) {
            (true, true) => deeds.push(Deed::withdrawn(id, v, "the manifest says so")),
            (true, false) => {
                deeds.push(Deed::new(
                    "package.offer",
                    id,
                    v,
                    json!({ "reason": "the manifest has it again" }),
                ));
            }
            (false, _) => {}
        }
    }
    let pictures: BTreeMap<&str, String> = std::iter::once(&package.icon)
        .chain(&package.screenshots)
        .map(|p| (p.name.as_str(), BASE64.encode(&p.content)))
        .collect();
    let body = serde_json::to_value(&application).expect("plain data");
    let pictures = serde_json::to_value(&pictures).expect("plain data");
    tx.save_application(&application.id, position, &body, &pictures).await?;
    write_down(tx, deeds).await?;
    Ok(())
}

/// A version that left the manifest stays usable for its subscriptions, at its rank, and cannot be ordered.
fn keep_gone(known: &[Version], versions: &mut Vec<Version>) {
    let mut rank = 0;
    for version in known {
        if let Some(present) = versions.iter().position(|v| v.id == version.id) {
            rank = present + 1;
        } else {
            versions.insert(rank, Version { withdrawn: true, ..version.clone() });
            rank += 1;
        }
    }
}

async fn known(tx: &mut Tx<System>, id: &str) -> Result<Option<Application>, StoreError> {
    Ok(tx.applications().await?.into_iter().find(|a| a.id == id))
}
