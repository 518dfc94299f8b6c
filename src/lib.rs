pub mod apps;
pub mod hypervisor;
