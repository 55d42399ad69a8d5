/**
 * A view that breaks breaks alone: the others, and what stands around them, stay.
 */
import { Component, type ReactNode } from "react"

/** Shows what is in it, and when that cannot be drawn says so. */
export class Boundary extends Component<{ readonly children: ReactNode }, { readonly broken: string | undefined }> {
  override readonly state = { broken: undefined }
  static getDerivedStateFromError = (error: unknown) => ({
    broken: error instanceof Error ? error.message : String(error)
  })
  override render(): ReactNode {
    const { broken } = this.state
    return broken === undefined ? (
      this.props.children
    ) : (
      <div className="problem" role="alert">
        <p className="problem-title">This view broke</p>
        <p>{broken}</p>
        <button type="button" className="button small" onClick={() => this.setState({ broken: undefined })}>
          Draw it again
        </button>
      </div>
    )
  }
}
