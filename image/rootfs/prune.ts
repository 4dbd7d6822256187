import { globSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** What nothing on a gateway reads. Licences are collected before this runs. */
const pruned = [
  'boot/*',
  'etc/{apt,binfmt.d,cron.*,debconf.conf,dpkg,init.d,kernel,ld.so.conf*,pam.d,profile.d,rc*.d,skel,ssh,update-motd.d,xdg}',
  'etc/systemd/network',
  'usr/bin/{bootctl,bashbug,busctl,c_rehash,catchsegv,chage,chfn,chsh,debconf*,deb-systemd*,gapplication,gdbus,ldd,localedef,pcre2*,perl*,pldd,sotruss,tzselect,zdump}',
  'usr/games',
  'usr/include',
  'usr/lib/aarch64-linux-gnu/{audit,gconv,krb5,ldscripts,perl-base,sasl2,security}',
  'usr/lib/{apt,binfmt.d,dpkg,environment.d,init,kernel,lsb,mime,pcrlock.d,pkgconfig,ssl,valgrind}',
  'usr/lib/{systemd,udev}/{boot,catalog,hwdb.d,ntp-units.d,portable,repart,user,user-preset}',
  'usr/lib/systemd/{systemd-pcrlock,systemd-storagetm,systemd-sysupdate,systemd-networkd,systemd-networkd-wait-online,systemd-importd}',
  'usr/lib/systemd/network/{8,7,6}*',
  'usr/lib/systemd/system-generators/{systemd-gpt-auto-generator,systemd-getty-generator,systemd-ssh-generator,systemd-tpm2-generator,systemd-cryptsetup-generator,systemd-veritysetup-generator}',
  'usr/lib/tmpfiles.d/{20-systemd-s*,credstore,debian,home,legacy,provision,x11}.conf',
  'usr/lib/udev/hwdb.*',
  'usr/sbin/{add-shell,remove-shell,update-passwd,update-ca-certificates,e2scrub*,iconvconfig,ldconfig*,zic,mkfs.bfs,mkfs.cramfs,mkfs.minix,fsck.cramfs,fsck.minix}',
  'usr/share/{apport,base-passwd,bash-completion,bug,ca-certificates,debconf,debianutils,dict,doc,doc-base,fish,gcc,gdb,glib-2.0,info,initramfs-tools,lintian,locale,man,menu,mime,misc,pam,pam-configs,perl5,pixmaps,polkit-1,readline,zsh,common-licenses,libc-bin}',
  'usr/share/systemd/{kbd-model-map,language-fallback-map}',
  'var/*',
];

/** Time zones stay as UTC alone: records and logs are in UTC. */
const zones = 'usr/share/zoneinfo';

export function pruneRoot(root: string): void {
  for (const pattern of pruned) remove(root, pattern);
  for (const name of globSync('*', { cwd: join(root, zones) })) {
    if (name !== 'Etc' && name !== 'UTC') rmSync(join(root, zones, name), { recursive: true });
  }
}

function remove(root: string, pattern: string): void {
  for (const name of globSync(pattern, { cwd: root }))
    rmSync(join(root, name), { recursive: true, force: true });
}
