"""The dashboards as TypeScript, for a compiler that knows Grafana's own types: the package `@grafana/schema`.

The types say which properties exist, and which values each may have. What a plugin fills in by itself may be
missing, so nothing is required.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from .dashboards import Json, panels

JS = Path(__file__).with_name("js")
COMPILER = JS / "node_modules" / "typescript" / "bin" / "tsc"

PLUGINS = {"heatmap": "Heatmap", "stat": "Stat", "timeseries": "TimeSeries"}
"""The panels that we use, as their types are called."""

GRAFANAS = ("oldest", "newest")
"""The Grafanas whose types are installed; the oldest is the one that the dashboards need."""

PACKAGE, GENERATED = "@grafana/schema", "dist/esm/raw/composable"

TYPES = f"""
import type * as Grafana from "{PACKAGE}";
// Later packages have no types for the queries of this data source.
import type {{ PrometheusDataQuery }} from
  "oldest/{GENERATED}/prometheus/dataquery/x/PrometheusDataQuery_types.gen";

/** A type without its enumerations, whose values JSON has as plain text, and with nothing required. */
export type Plain<T> = T extends string ? `${{T}}`
  : T extends (infer Item)[] ? Plain<Item>[]
  : T extends object ? {{ [Key in keyof T]?: Plain<T[Key]> }}
  : T;

/** What a data source adds to annotations and variables, which the schema leaves open. */
type Annotation = Grafana.AnnotationQuery & {{
  builtIn: number; expr: string; step: string;
  titleFormat: string; textFormat: string; useValueForTime: boolean;
}};
type Variable = Grafana.VariableModel & {{ definition: string }};

export type Dashboard = Plain<Omit<Grafana.Dashboard, "annotations" | "panels" | "templating"> & {{
  annotations: {{ list: Annotation[] }};
  templating: {{ list: Variable[] }};
}}>;
export type Row = Plain<Grafana.RowPanel>;
export type Panel<Type, Options, Custom> = Plain<
  Omit<Grafana.Panel, "type" | "options" | "fieldConfig" | "targets"> & {{
    type: Type;
    options: Options;
    targets: PrometheusDataQuery[];
    fieldConfig: {{
      defaults: Omit<Grafana.FieldConfig, "custom"> & {{ custom: Custom }};
      overrides: Grafana.FieldConfigSource["overrides"];
    }};
  }}
>;
"""


def missing() -> str | None:
    """Return what this machine lacks to check the types, or None."""
    if shutil.which("node") is None:
        return "Node is missing: there is no `node` on PATH"
    if not (JS / "node_modules" / "installed").exists():
        return "Grafana's types are missing: `make node` installs them"
    return None


def program(content: Json) -> str:
    """Return a dashboard as TypeScript: each part of it is declared with its type."""
    imports = [
        f'import type * as {name} from "{PACKAGE}/{GENERATED}/{plugin}/panelcfg/x/{name}PanelCfg_types.gen";'
        for plugin, name in PLUGINS.items()
    ]
    rest = {key: value for key, value in content.items() if key != "panels"}
    rows = [panel for panel in content["panels"] if panel["type"] == "row"]
    return "\n".join(
        (
            *imports,
            'import type { Dashboard, Panel, Row } from "./types";',
            f"export const dashboard: Dashboard = {json.dumps(rest)};",
            f"export const rows: Row[] = {json.dumps(rows)};",
            *(
                f"export const panel{panel['id']}: {_type(panel['type'])} = {json.dumps(panel)};"
                for panel in panels(content)
            ),
        )
    )


def _type(plugin: str) -> str:
    name = PLUGINS[plugin]
    # A stat has no settings of its own beside those of every field.
    custom = "Record<string, never>" if plugin == "stat" else f"{name}.FieldConfig"
    return f'Panel<"{plugin}", {name}.Options, {custom}>'


def faults(contents: Mapping[str, Json], grafana: str, folder: Path) -> list[str]:
    """Return what the compiler finds wrong with these dashboards, by name; it works in an empty folder."""
    # The types import each other by the package's own name.
    modules = folder / "node_modules"
    (modules / "@grafana").mkdir(parents=True)
    (modules / "@grafana" / "schema").symlink_to(JS / "node_modules" / grafana)
    (modules / "oldest").symlink_to(JS / "node_modules" / "oldest")
    (folder / "types.ts").write_text(TYPES, "utf-8")
    for name, content in contents.items():
        (folder / f"{name}.ts").write_text(program(content), "utf-8")
    options = "--strict --noEmit --skipLibCheck --preserveSymlinks --module esnext --moduleResolution bundler"
    run = subprocess.run(
        ("node", str(COMPILER), *options.split(), "--types", "", *(f"{name}.ts" for name in contents)),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line for line in run.stdout.splitlines() if "error TS" in line]
    assert run.returncode == 0 or found, run.stdout + run.stderr
    return found
