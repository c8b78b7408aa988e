import i18next from "i18next";
import { Component, type ReactNode } from "react";
import { Button } from "./Button";
import { ProblemBox } from "./States";

interface Props {
  children: ReactNode;
  /** What it is about: with another one, the failure is forgotten. */
  of: string;
}

/** Keeps a fault of one part from taking the page with it. */
export class ErrorBoundary extends Component<Props, { error: unknown; of: string }> {
  override state = { error: null, of: this.props.of };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  static getDerivedStateFromProps(props: Props, state: { of: string }) {
    return props.of === state.of ? null : { error: null, of: props.of };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    const { error } = this.state;
    return (
      <div className="mx-auto w-full max-w-xl p-6">
        <ProblemBox
          error={new Error(`${i18next.t("problem.broken")} ${String(error)}`)}
          action={
            <Button small onClick={() => location.reload()}>
              {i18next.t("reload")}
            </Button>
          }
        />
      </div>
    );
  }
}
