/** Seeders beside leechers as one bar; the numbers stand next to it. */
export function Roles(props: { readonly seeders: number; readonly leechers: number }) {
  const { seeders, leechers } = props;
  const all = seeders + leechers || 1;
  return (
    <div class="roles" aria-hidden="true">
      <div class="roles-seeders" style={{ flexGrow: seeders / all }} />
      <div class="roles-leechers" style={{ flexGrow: leechers / all }} />
    </div>
  );
}
