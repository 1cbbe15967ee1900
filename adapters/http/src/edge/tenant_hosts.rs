//! The tenants of host names.

use std::{collections::HashMap, str::FromStr};

use kayan_ports::TenantId;

/// Host names and their tenants, as in `login.acme.example=acme,*.example.com=*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantHosts {
    /// By host, in lower case and without a port.
    hosts: HashMap<String, TenantId>,
    /// The same in the order in which they are configured.
    listed: Vec<(String, TenantId)>,
    /// Domains whose subdomains are named after their tenants.
    domains: Vec<String>,
}

/// The invalid entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not HOST=TENANT: write login.acme.example=acme, or *.example.com=* where the first label is the tenant"
)]
pub struct TenantHostsError(String);

/// The tenant that a host name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ByHost {
    /// Any tenant.
    Any,
    /// This one.
    One(TenantId),
    /// A tenant that can't exist.
    Unknown,
}

impl TenantHosts {
    /// The tenant of a `Host` header.
    pub(crate) fn of(&self, host: Option<&str>) -> ByHost {
        if self.hosts.is_empty() && self.domains.is_empty() {
            return ByHost::Any;
        }
        let host = host.unwrap_or_default().to_ascii_lowercase();
        let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _port)| name).trim_end_matches('.');
        if let Some(tenant) = self.hosts.get(name) {
            return ByHost::One(tenant.clone());
        }
        match name.split_once('.') {
            Some((label, domain)) if self.domains.iter().any(|known| known == domain) => {
                label.parse().map_or(ByHost::Unknown, ByHost::One)
            }
            _ => ByHost::Any,
        }
    }
}

impl TenantHosts {
    /// The hosts of a tenant, in the order in which they are configured, and after them those that are made of its name. The
    /// tenant `default` is meant where no host names one, so it has none of these.
    pub fn hosts_of(&self, tenant: &TenantId) -> Vec<String> {
        let listed = self.listed.iter().filter(|(_, of)| of == tenant).map(|(host, _)| host.clone());
        let is_default = *tenant == TenantId::default();
        let named = self.domains.iter().filter(|_| !is_default).map(|domain| format!("{tenant}.{domain}"));
        listed.chain(named).collect()
    }
}

impl FromStr for TenantHosts {
    type Err = TenantHostsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut read = Self::default();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let wrong = || TenantHostsError(entry.to_owned());
            let (host, tenant) = entry.split_once('=').ok_or_else(wrong)?;
            let (host, tenant) = (host.trim().to_ascii_lowercase(), tenant.trim());
            let domain = host.strip_prefix("*.");
            if !is_host(domain.unwrap_or(&host)) {
                return Err(wrong());
            }
            match (domain, tenant) {
                (Some(domain), "*") => read.domains.push(domain.to_owned()),
                (None, named) => {
                    let tenant: TenantId = named.parse().map_err(|_| wrong())?;
                    read.listed.push((host.clone(), tenant.clone()));
                    read.hosts.insert(host, tenant);
                }
                (Some(_), _) => return Err(wrong()),
            }
        }
        Ok(read)
    }
}

/// Whether this is the name of a host.
pub(crate) fn is_host(name: &str) -> bool {
    let is_label =
        |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    name.len() <= 253 && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(tenant: &str) -> ByHost {
        ByHost::One(tenant.parse().unwrap())
    }

    #[test]
    fn a_host_stands_for_its_tenant_whatever_its_case_and_port() {
        let hosts: TenantHosts = "login.acme.example=acme, *.example.com=*".parse().unwrap();
        assert_eq!(hosts.of(Some("Login.ACME.example:8443")), one("acme"));
        assert_eq!(hosts.of(Some("globex.example.com")), one("globex"));
        assert_eq!(hosts.of(Some("a.b.example.com")), ByHost::Any);
        assert_eq!(hosts.of(Some("example.com")), ByHost::Any);
        assert_eq!(hosts.of(Some("-.example.com")), ByHost::Unknown);
        assert_eq!(hosts.of(None), ByHost::Any);
        assert_eq!(TenantHosts::default().of(Some("globex.example.com")), ByHost::Any);
    }

    #[test]
    fn a_tenant_has_the_hosts_that_stand_for_it() {
        let hosts: TenantHosts = "b.example=acme, a.example=acme, c.example=globex, *.example.com=*".parse().unwrap();
        assert_eq!(hosts.hosts_of(&"acme".parse().unwrap()), ["b.example", "a.example", "acme.example.com"]);
        assert_eq!(hosts.hosts_of(&"other".parse().unwrap()), ["other.example.com"]);
        assert!(hosts.hosts_of(&TenantId::default()).is_empty());
        assert!(TenantHosts::default().hosts_of(&"acme".parse().unwrap()).is_empty());
    }

    #[test]
    fn what_is_no_host_and_tenant_is_refused() {
        for text in ["acme", "=acme", "a b=acme", "login.acme.example=Acme", "*.example.com=acme", "x=*", "*=acme"] {
            assert_eq!(text.parse::<TenantHosts>(), Err(TenantHostsError(text.to_owned())), "{text}");
        }
        assert_eq!("".parse::<TenantHosts>(), Ok(TenantHosts::default()));
    }
}
