// What a board's JSON must be, from Grafana's own types: the board, and by the kind of panel its
// options and the settings of its fields. `tools/grafana.sh` makes a JSON schema of `Shapes`.
import type { Dashboard } from './node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen';
import type * as bargauge from './node_modules/@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen';
import type * as stat from './node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type * as stateTimeline from './node_modules/@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen';
import type * as table from './node_modules/@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';
import type * as text from './node_modules/@grafana/schema/dist/types/raw/composable/text/panelcfg/x/types.gen';
import type * as timeseries from './node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';

export interface Shapes {
  dashboard: Dashboard;
  options: {
    bargauge: bargauge.Options;
    stat: stat.Options;
    'state-timeline': stateTimeline.Options;
    table: table.Options;
    text: text.Options;
    timeseries: timeseries.Options;
  };
  custom: {
    'state-timeline': stateTimeline.FieldConfig;
    table: table.FieldConfig;
    timeseries: timeseries.FieldConfig;
  };
}
