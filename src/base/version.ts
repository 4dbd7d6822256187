import manifest from '../../package.json' with { type: 'json' };

/** Version of this Weir, as in package.json. */
export const weirVersion: string = manifest.version;
