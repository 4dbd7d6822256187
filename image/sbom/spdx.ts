import { createHash } from 'node:crypto';
import type { LockedPackage } from '../lock/package-lock.ts';
import type { LockedModule } from './modules.ts';

export interface ImageFacts {
  readonly version: string;
  readonly commit: string;
  readonly timeSeconds: number;
  readonly debianSuite: string;
  /** Packages in whose place something else was put: nothing is known of that but the name. */
  readonly replaced: ReadonlySet<string>;
}

interface SpdxPackage {
  readonly name: string;
  readonly SPDXID: string;
  readonly versionInfo: string;
  readonly downloadLocation: 'NOASSERTION';
  readonly filesAnalyzed: false;
  readonly licenseConcluded: 'NOASSERTION';
  readonly licenseDeclared: string;
  readonly copyrightText: 'NOASSERTION';
  readonly checksums?: readonly { algorithm: string; checksumValue: string }[];
  readonly externalRefs?: readonly {
    referenceCategory: 'PACKAGE-MANAGER';
    referenceType: 'purl';
    referenceLocator: string;
  }[];
}

/** What the image is made of, as SPDX 2.3 in JSON. */
export function spdxDocument(
  facts: ImageFacts,
  packages: readonly LockedPackage[],
  modules: readonly LockedModule[],
): object {
  const weir = describe('weir', facts.version, 'Apache-2.0', undefined, undefined);
  const parts = [
    ...packages.map((entry) =>
      describe(
        entry.name,
        entry.version,
        'NOASSERTION',
        { algorithm: 'SHA256', checksumValue: entry.sha256 },
        `pkg:deb/debian/${encodeURIComponent(entry.name)}@${encodeURIComponent(entry.version)}?arch=${entry.architecture}&distro=${facts.debianSuite}`,
      ),
    ),
    ...modules.map((entry) =>
      describe(
        entry.name,
        entry.version,
        licenceExpression(entry.licence),
        entry.sha512 === undefined ? undefined : { algorithm: 'SHA512', checksumValue: entry.sha512 },
        `pkg:npm/${entry.name.replace('@', '%40')}@${entry.version}`,
      ),
    ),
  ];
  const known = parts.map((part) => {
    if (!facts.replaced.has(part.name)) return part;
    const { checksums: _, externalRefs: __, ...rest } = part;
    return {
      ...rest,
      versionInfo: 'NOASSERTION',
      licenseDeclared: 'NOASSERTION',
      comment: 'replaced by who built this image',
    };
  });
  const hash = createHash('sha256').update(JSON.stringify(known)).digest('hex').slice(0, 32);
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `weir-${facts.version}-arm64`,
    documentNamespace: `https://spdx.org/spdxdocs/weir-${facts.version}-${facts.commit}-${hash}`,
    creationInfo: {
      created: `${new Date(facts.timeSeconds * 1000).toISOString().slice(0, 19)}Z`,
      creators: [`Tool: weir-image-${facts.version}`],
    },
    packages: [weir, ...known],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: weir.SPDXID },
      ...known.map(({ SPDXID }) => ({
        spdxElementId: weir.SPDXID,
        relationshipType: 'CONTAINS',
        relatedSpdxElement: SPDXID,
      })),
    ],
  };
}

function describe(
  name: string,
  version: string,
  licence: string,
  checksum: { algorithm: string; checksumValue: string } | undefined,
  purl: string | undefined,
): SpdxPackage {
  return {
    name,
    SPDXID: `SPDXRef-${`${purl?.split('/')[0]?.slice(4) ?? 'source'}-${name}-${version}`.replace(/[^A-Za-z0-9.-]+/g, '-')}`,
    versionInfo: version,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: licence,
    copyrightText: 'NOASSERTION',
    ...(checksum && { checksums: [checksum] }),
    ...(purl && {
      externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }],
    }),
  };
}

/** SPDX has one name for each licence; packages have their own ways. */
const licenceExpression = (text: string): string =>
  ({ 'LGPL 2.1': 'LGPL-2.1-only', BSD: 'BSD-3-Clause' })[text] ??
  (/^[A-Za-z0-9.() -]+$/.test(text) ? text : 'NOASSERTION');
