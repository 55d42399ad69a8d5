/**
 * One filter of a list that has few values.
 */

/** The choice; `""` is all of them. */
export const FilterChoice = ({
  choices,
  label,
  onChange,
  value
}: {
  readonly label: string
  readonly value: string
  readonly choices: ReadonlyArray<readonly [value: string, name: string]>
  readonly onChange: (value: string) => void
}) => (
  <label className="filter" data-set={value !== ""}>
    <span>{label}</span>
    <select value={value} onChange={(event) => onChange(event.target.value)}>
      {/* What stands in an address need not be one of them. */}
      {choices.some(([choice]) => choice === value) ? null : <option value={value}>{value}</option>}
      {choices.map(([choice, name]) => (
        <option key={choice} value={choice}>
          {name}
        </option>
      ))}
    </select>
  </label>
)
