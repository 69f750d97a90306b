// What Grafana writes for numbers: reads [{panel, series}] from standard input, with series as
// {refId, name, labels, value}, and prints for each the list of {title, text, color}.
//
// The words come from Grafana's own code (overrides, mappings, units, reduction to one value); how
// they are drawn is not part of this package.
globalThis.navigator ??= { language: 'en', languages: ['en'] }; // Grafana's code expects a browser
const grafana = require('@grafana/data');

const identity = (value) => value;
const property = (id, process) => ({
  id, path: id, name: id, description: id, editor: null, override: null, settings: {},
  isCustom: false, hideFromDefaults: false, process, shouldApply: () => true,
});
const processes = {
  mappings: grafana.valueMappingsOverrideProcessor,
  thresholds: grafana.thresholdsOverrideProcessor,
};
const standard = [
  'color', 'decimals', 'displayName', 'links', 'mappings', 'max', 'min', 'noValue', 'thresholds', 'unit',
];
const registry = new grafana.FieldConfigOptionsRegistry(() =>
  standard.map((id) => property(id, processes[id] ?? identity)));
const theme = grafana.createTheme({ colors: { mode: 'dark' } });

function frame({ refId, name, labels, value }) {
  return grafana.toDataFrame({
    refId,
    fields: [
      { name: 'Time', type: 'time', values: [0] },
      { name: 'Value', type: 'number', labels, config: { displayNameFromDS: name }, values: [value] },
    ],
  });
}

function say({ panel, series }) {
  const shared = { fieldConfig: panel.fieldConfig, replaceVariables: identity, theme, timeZone: 'utc' };
  const data = grafana.applyFieldOverrides({
    ...shared, data: series.map(frame), fieldConfigRegistry: registry,
  });
  const { reduceOptions } = panel.options;
  return grafana.getFieldDisplayValues({ ...shared, data, reduceOptions, sparkline: false })
    .map(({ display }) => ({
      title: display.title,
      text: `${display.prefix ?? ''}${display.text}${display.suffix ?? ''}`,
      color: display.color,
    }));
}

let input = '';
process.stdin.on('data', (part) => { input += part; });
process.stdin.on('end', () => process.stdout.write(JSON.stringify(JSON.parse(input).map(say))));
