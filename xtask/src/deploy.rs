//! Checks of `deploy/`: each file is read by the program that it is for, as far as that can be had.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    run::{self, Failure, Workspace},
    tools,
};

/// The oldest and the newest Kubernetes that the manifests are for.
const KUBERNETES: [&str; 2] = ["1.30", "1.37"];
/// Ten times the exposure, by systemd's own reckoning, that a unit may have.
const EXPOSURE: &str = "20";
/// What must be empty in the example, and what Compose must then refuse to start without.
const SECRETS: [&str; 6] = [
    "KAYAN_SESSION_SECRET",
    "KAYAN_JWT_SECRET",
    "KAYAN_DATA_KEY",
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "GRAFANA_ADMIN_PASSWORD",
];
const ROWS: [&str; 5] = ["Overview", "Auth", "Database", "Security", "Messages"];

/// Lints the chart and renders it in every way that it ships, and in one that takes all turns the others don't; then asks
/// for what it must refuse.
const HELM: &str = r#"
import pathlib, sys
from helm_python import chart as helm

folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
ways = {way.stem: helm.values_from_yaml(way.read_text()) for way in folder.glob("values-*.yaml")}
ways["values"] = {}
ways["values-other"] = {
    "metrics": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
    "autoscaling": {"enabled": False}, "migrate": {"enabled": False}, "imagePullSecrets": ["registry"],
    "podAnnotations": {"a": "b"}, "podLabels": {"c": "d"}, "nodeSelector": {"e": "f"}, "priorityClassName": "high",
    "tolerations": [{"key": "g", "operator": "Exists"}], "config": {"KAYAN_HASH_CONCURRENCY": "2"},
}
refused = [
    {"config": {"KAYAN_RATE_LIMIT_ENABLED": "true"}},
    {"config": {"KAYAN_DB_DSN": "postgres://kayan@localhost/kayan"}},
    {"ingress": {"enabled": True}},
    {"terminationGracePeriodSeconds": 30},
    {"replica": 2},
]
with helm.Chart.load(folder) as chart:
    for way, values in ways.items():
        report = helm.lint(folder, values, strict=True)
        found = [message for message in report["messages"] if message["severity"] > 1]
        if found or report["errors"]:
            sys.exit(f"{way}: {found} {report['errors']}")
        chart.validate_schema(values)
        files = chart.render(values, name="kayan", namespace="default")
        if "  name: kayan\n" not in files["kayan/templates/deployment.yaml"]:
            sys.exit(f"{way}: the Deployment of a release that is called kayan is not called kayan")
        documents = [text for name, text in files.items() if name.endswith(".yaml") and text.strip()]
        (out / f"{way}.yaml").write_text("\n---\n".join(documents))
    for values in refused:
        try:
            chart.validate_schema(values)
            chart.render(values, name="kayan")
        except Exception:
            continue
        sys.exit(f"the chart takes {values}")
"#;

/// Reads every YAML file but the chart's templates, which are none before they are rendered.
const YAML: &str = "
import pathlib, sys, yaml
for file in pathlib.Path(sys.argv[1]).rglob('*.y*ml'):
    if 'templates' not in file.parts:
        try:
            list(yaml.safe_load_all(file.read_text()))
        except yaml.YAMLError as why:
            sys.exit(f'{file}: {why}')
";

/// Checks all of it, and says what could not be checked here.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    let programs = tools::of_deployments(workspace)?;
    let scratch = TempDir::new().map_err(Failure::io("can't make a temporary folder"))?;
    let desk = Desk { workspace, programs, deploy: workspace.root.join("deploy"), scratch };
    run::timed("settings that the files name", || desk.settings())?;
    run::timed("image: hadolint, and what Cargo needs is in the build context", || desk.image())?;
    run::timed("Compose", || desk.compose())?;
    run::timed("Kubernetes: Kustomize, Helm, and every object against its schema", || desk.kubernetes())?;
    run::timed("backups: ShellCheck", || desk.scripts())?;
    run::timed("YAML", || desk.python(YAML, &[&desk.deploy]))?;
    run::timed("Caddy", || desk.caddy())?;
    run::timed("nginx", || desk.nginx())?;
    run::timed("Prometheus and the dashboard: promtool", || desk.prometheus())?;
    run::timed("systemd", || desk.systemd())?;
    desk.build()
}

/// Where the checks work.
struct Desk<'a> {
    workspace: &'a Workspace,
    programs: PathBuf,
    deploy: PathBuf,
    scratch: TempDir,
}

impl Desk<'_> {
    fn program(&self, name: &str) -> Command {
        Command::new(self.programs.join(name))
    }

    fn python(&self, script: &str, arguments: &[&Path]) -> Result<(), Failure> {
        quiet(self.program("python").arg("-c").arg(script).args(arguments)).map(drop)
    }

    fn scratch(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn scratch_file(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.scratch(name);
        fs::write(&path, text).map_err(Failure::io(format!("can't write {}", path.display())))?;
        Ok(path)
    }

    fn text(&self, name: &str) -> Result<String, Failure> {
        text(&self.deploy.join(name))
    }

    /// A setting that there is not would be warned about at every start, and do nothing.
    fn settings(&self) -> Result<(), Failure> {
        let sections = files(&self.workspace.root.join("adapters/cli/src/config/settings"))?;
        let known = sections.iter().map(|file| text(file)).collect::<Result<String, _>>()?;
        let mut unknown = BTreeSet::new();
        for file in files(&self.deploy)? {
            let text = text(&file)?;
            let words = text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
            let names = words.filter(|word| word.starts_with("KAYAN_") && !known.contains(&format!("\"{word}\"")));
            unknown.extend(names.map(|name| format!("{}: {name}", file.display())));
        }
        nothing(unknown, "there are no such settings")
    }

    fn image(&self) -> Result<(), Failure> {
        let dockerfile = self.deploy.join("docker/Dockerfile");
        quiet(self.program("hadolint").args(["--no-color", "--failure-threshold", "style"]).arg(dockerfile))?;
        let context = self.scratch("context");
        fs::create_dir(&context).map_err(Failure::io("can't make a build context"))?;
        let ignored = self.text("docker/Dockerfile.dockerignore")?;
        let mut copy = Command::new("cp");
        copy.args(["-r", "--parents"]).args(ignored.lines().filter_map(|line| line.strip_prefix('!')));
        quiet(copy.arg(&context).current_dir(&self.workspace.root))?;
        let mut metadata = Command::new("cargo");
        metadata.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(&context);
        quiet(&mut metadata)?;
        // Cargo does not read this one before it builds.
        let missing = ["migrations", "Cargo.lock"].into_iter().filter(|name| !context.join(name).exists());
        nothing(missing, "the build context lacks it")
    }

    fn compose(&self) -> Result<(), Failure> {
        let example = self.text("docker/example.env")?;
        let given = SECRETS.into_iter().filter(|name| !example.lines().any(|line| line == format!("{name}=")));
        nothing(given, "docker/example.env must leave it empty")?;
        let compose = |settings: &Path| {
            let mut compose = self.program("docker-compose");
            // What the environment says would win over the file.
            compose.env_clear().arg("--env-file").arg(settings).arg("--file");
            compose.arg(self.deploy.join("docker/docker-compose.yml")).args(["config", "--quiet"]);
            compose
        };
        let refusal = match quiet(&mut compose(&self.deploy.join("docker/example.env"))) {
            Err(Failure::Wrong(said)) => said,
            Err(other) => return Err(other),
            Ok(_) => String::new(),
        };
        nothing(SECRETS.into_iter().filter(|name| !refusal.contains(name)), "Compose starts without it")?;
        let filled =
            example.lines().map(|line| if line.ends_with('=') { format!("{line}1\n") } else { format!("{line}\n") });
        let filled = self.scratch_file("filled.env", &filled.collect::<String>())?;
        quiet(&mut compose(&filled)).map(drop)
    }

    fn kubernetes(&self) -> Result<(), Failure> {
        let manifests = self.scratch("manifests");
        fs::create_dir(&manifests).map_err(Failure::io("can't make a folder for manifests"))?;
        // The component is commented out by default.
        let copy = self.scratch("kubernetes");
        quiet(Command::new("cp").arg("-r").arg(self.deploy.join("kubernetes")).arg(&copy))?;
        let production = copy.join("overlays/production/kustomization.yaml");
        let with = text(&production)?.replace("# components:\n#   - ", "components:\n  - ");
        fs::write(&production, with).map_err(Failure::io("can't write a kustomization"))?;
        let built = [
            ("base", self.deploy.join("kubernetes/base")),
            ("small", self.deploy.join("kubernetes/overlays/small")),
            ("production", self.deploy.join("kubernetes/overlays/production")),
            ("monitored", copy.join("overlays/production")),
        ];
        for (name, folder) in built {
            let built = quiet(self.program("kubectl").arg("kustomize").arg(folder))?;
            let path = manifests.join(format!("kustomize-{name}.yaml"));
            fs::write(path, &built).map_err(Failure::io("can't write a manifest"))?;
            if built.contains("kind: ServiceMonitor") != (name == "monitored") {
                return Err(Failure::Wrong(format!("{name}: the component must be included only on request")));
            }
        }
        self.python(HELM, &[&self.deploy.join("helm/kayan"), &manifests])?;
        let mut validate = self.program("kubernetes-validate");
        validate.args(KUBERNETES.into_iter().flat_map(|version| ["--kubernetes-version", version]));
        let said = quiet(validate.args(["--strict", "--quiet"]).args(files(&manifests)?))?;
        // The operator's kinds are not Kubernetes' own.
        let found: Vec<&str> = said.lines().filter(|line| !line.contains("kind ServiceMonitor")).collect();
        nothing(found, "kubernetes-validate")?;
        note("not run: validation of the ServiceMonitor, whose schema is the operator's");
        Ok(())
    }

    fn scripts(&self) -> Result<(), Failure> {
        let scripts = files(&self.deploy)?.into_iter().filter(|file| file.extension() == Some(OsStr::new("sh")));
        quiet(self.program("shellcheck").args(["--severity", "style"]).args(scripts)).map(drop)
    }

    fn caddy(&self) -> Result<(), Failure> {
        for file in files(&self.deploy.join("caddy"))? {
            let mut caddy = self.program("caddy");
            caddy.args(["validate", "--adapter", "caddyfile", "--config"]).arg(file);
            caddy.env("DOMAIN", "login.example.com").env("UPSTREAM", "127.0.0.1:3000");
            caddy.env("XDG_DATA_HOME", self.scratch("caddy")).env("XDG_CONFIG_HOME", self.scratch("caddy"));
            quiet(&mut caddy)?;
        }
        Ok(())
    }

    /// nginx opens the ports and the certificate even when it only tests, so it gets some that it may have.
    fn nginx(&self) -> Result<(), Failure> {
        let Some(nginx) = tools::of_debian(self.workspace, "nginx", "nginx")? else {
            note("not run: nginx, which is not installed here");
            return Ok(());
        };
        let (certificate, key) = (self.scratch("nginx.pem"), self.scratch("nginx.key"));
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=login.example.com"]);
        quiet(openssl.arg("-keyout").arg(&key).arg("-out").arg(&certificate))?;
        let sites = files(&self.deploy.join("nginx"))?;
        let site = sites.iter().map(|site| text(site)).collect::<Result<String, _>>()?;
        let site = ["login", "grafana"].into_iter().fold(site, |site, name| {
            let place = |kind: &str| format!("/etc/nginx/tls/{name}.example.com.{kind}");
            let site = site.replace(&place("pem"), &certificate.to_string_lossy());
            site.replace(&place("key"), &key.to_string_lossy())
        });
        let site =
            site.replace("listen [::]:", "listen 127.0.0.2:10").replace("listen 443 ", "listen 127.0.0.1:10443 ");
        let site = self.scratch_file("site.conf", &site.replace("listen 80 ", "listen 127.0.0.1:1080 "))?;
        let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|folder| format!("{folder}_temp_path {};", self.scratch(folder).display()))
            .join("\n");
        let (pid, site) = (self.scratch("nginx.pid"), site.display());
        let main =
            format!("pid {};\nevents {{}}\nhttp {{\naccess_log off;\n{folders}\ninclude {site};\n}}\n", pid.display());
        let main = self.scratch_file("nginx.conf", &format!("error_log stderr;\n{main}"))?;
        let mut test = Command::new(nginx);
        test.arg("-t").arg("-p").arg(self.scratch.path()).args(["-e", "stderr"]).arg("-c").arg(main);
        quiet(&mut test).map(drop)
    }

    fn prometheus(&self) -> Result<(), Failure> {
        let dashboard = self.text("grafana/dashboards/kayan.json")?;
        let dashboard: Value =
            serde_json::from_str(&dashboard).map_err(|why| Failure::Wrong(format!("kayan.json: {why}")))?;
        let is_row = |panel: &&Value| panel.get("type").is_some_and(|kind| kind == "row");
        let rows = list(&dashboard, "panels").iter().filter(is_row).filter_map(|row| row.get("title")?.as_str());
        if !rows.eq(ROWS) {
            return Err(Failure::Wrong(format!("kayan.json: the rows must be {}", ROWS.join(", "))));
        }
        let targets = list(&dashboard, "panels").iter().flat_map(|panel| list(panel, "targets"));
        let rule = |(target, n): (&Value, i32)| json!({"record": format!("panel:{n}"), "expr": target.get("expr")});
        let rules: Vec<Value> = targets.zip(0..).map(rule).collect();
        let Some(promtool) = tools::of_debian(self.workspace, "promtool", "prometheus")? else {
            note("not run: promtool, which is not installed here");
            return Ok(());
        };
        let rules = json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
        let rules = self.scratch_file("dashboard.yml", &rules.to_string())?;
        quiet(Command::new(&promtool).args(["check", "rules"]).arg(rules))?;
        quiet(Command::new(&promtool).args(["check", "config"]).arg(self.deploy.join("prometheus/prometheus.yml")))?;
        Ok(())
    }

    fn systemd(&self) -> Result<(), Failure> {
        if !run::says(Command::new("systemd-analyze").arg("--version"), "systemd") {
            note("not run: systemd-analyze, which is not installed here");
            return Ok(());
        }
        for name in ["kayan.service", "kayan-migrate.service"] {
            // It looks whether the program is there.
            let unit = self.text(&format!("systemd/{name}"))?.replace("/usr/local/bin/kayan", "/bin/true");
            let unit = self.scratch_file(name, &unit)?;
            let said = quiet(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit))?;
            // It is content with keys that it does not know.
            nothing(said.lines(), "systemd-analyze verify")?;
            let mut judge = Command::new("systemd-analyze");
            judge.args(["security", "--no-pager", "--offline=true", "--threshold", EXPOSURE]);
            let said = quiet(judge.arg(&unit))?;
            note(said.lines().last().unwrap_or_default().trim_start_matches("→ "));
        }
        Ok(())
    }

    /// The quickest profile, as it is about the steps of the build.
    fn build(&self) -> Result<(), Failure> {
        if !run::says(Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]), ".") {
            note("not run: docker build, for which there is no engine here");
            return Ok(());
        }
        run::timed("docker build", || {
            let mut build = Command::new("docker");
            build.args(["build", "--build-arg", "PROFILE=dev", "--tag", "kayan:check", "--file"]);
            run::run(build.arg(self.deploy.join("docker/Dockerfile")).arg(&self.workspace.root))?;
            run::run(Command::new("docker").args([
                "run",
                "--rm",
                "--read-only",
                "--cap-drop=ALL",
                "kayan:check",
                "version",
            ]))
        })
    }
}

/// Says something without a mark: it is neither done nor failed.
fn note(what: &str) {
    eprintln!("  {what}");
}

/// Runs a command, gives what it said, and shows it only when it failed.
fn quiet(command: &mut Command) -> Result<String, Failure> {
    let ran = command.output().map_err(|source| Failure::Start { command: format!("{command:?}"), source })?;
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    if ran.status.success() { Ok(said) } else { Err(Failure::Wrong(format!("{command:?} failed:\n{said}"))) }
}

fn nothing<T: AsRef<str>>(found: impl IntoIterator<Item = T>, why: &str) -> Result<(), Failure> {
    let found: Vec<String> = found.into_iter().map(|one| format!("{why}: {}", one.as_ref())).collect();
    if found.is_empty() { Ok(()) } else { Err(Failure::Wrong(found.join("\n"))) }
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(Failure::io(format!("can't read {}", path.display())))
}

/// Every file in a folder and in those below it.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let reading = || Failure::io(format!("can't read {}", folder.display()));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(reading())? {
        let path = entry.map_err(reading())?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}
