/** Why a viewer's session ended (RFC 2866 s.5.10, Acct-Terminate-Cause). */
export const TerminateCause = {
  /** The viewer said TEARDOWN. */
  userRequest: 'user-request',
  /** The viewer closed its connection, or it broke. */
  lostCarrier: 'lost-carrier',
  /** The origin is gone. */
  lostService: 'lost-service',
  /** No sign of life from the viewer. */
  idleTimeout: 'idle-timeout',
  /** An operator ended it. */
  adminReset: 'admin-reset',
  /** Weir was asked to stop. */
  adminReboot: 'admin-reboot',
  /** The viewer's port refuses the media (ICMP). */
  portError: 'port-error',
  /** The box lost its power or was restarted; known at the next start. */
  nasReboot: 'nas-reboot',
  /** Weir failed. */
  nasError: 'nas-error',
} as const;
export type TerminateCause = (typeof TerminateCause)[keyof typeof TerminateCause];
