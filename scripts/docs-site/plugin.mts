import { dirname, join, posix, relative } from 'node:path';
import {
  Converter,
  DefaultTheme,
  DefaultThemeRenderContext,
  DocumentReflection,
  IndexEvent,
  JSX,
  KindRouter,
  PageEvent,
  ReflectionKind,
  RendererEvent,
  Slugger,
  ValidatingFileRegistry,
  type Application,
  type CommentDisplayPart,
  type NavigationElement,
  type PageDefinition,
  type ProjectReflection,
  type Reflection,
} from 'typedoc';

const ROOT = join(import.meta.dirname, '../..');

/**
 * A plugin of TypeDoc. It adds to TypeDoc's pages of the API: titles of documents, a navigation and addresses that
 * follow `docs/README.md`, search in sections, and a check of all links.
 */
export function load(app: Application): void {
  app.files = new ReadableFiles();
  app.renderer.defineRouter('site', SiteRouter);
  app.renderer.defineTheme('site', SiteTheme);
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, document) => {
    document.name = titleOf(document);
  });
  app.converter.on(Converter.EVENT_END, ({ project }) => nameModules(project));
  app.renderer.on(IndexEvent.PREPARE_INDEX, leaveSectionsToThemselves);
  checkLinks(app);
}

/** Browsers show a file of source code as text only by this name; `.ts` is a video for them. */
class ReadableFiles extends ValidatingFileRegistry {
  override getName(...[id]: Parameters<ValidatingFileRegistry['getName']>): string | undefined {
    const name = super.getName(id);
    return name === undefined ? undefined : asText(name);
  }

  override getNameToAbsoluteMap(): ReadonlyMap<string, string> {
    return new Map([...super.getNameToAbsoluteMap()].map(([name, path]) => [asText(name), path]));
  }
}

const asText = (name: string): string => name.replace(/\.(?:m?ts|java|py)$/, '$&.txt');

const markdownOf = (content: readonly CommentDisplayPart[]): string => content.map(({ text }) => text).join('');

const titleOf = ({ name, content }: DocumentReflection): string => sectionsIn(markdownOf(content))[0]?.title ?? name;

/** A row of a table whose first cell is a link to a page. */
interface Row {
  readonly label: string;
  /** `undefined` if the link leads to a file that is no page of the site. */
  readonly page: Reflection | undefined;
}

const ROW_BEGINS = /\n\| \[([^\]]+)\]\($/;

function rowsOf(content: readonly CommentDisplayPart[], project: ProjectReflection): Row[] {
  return content.flatMap((part, at): Row[] => {
    const [, label] = ROW_BEGINS.exec(content[at - 1]?.text ?? '') ?? [];
    if (label === undefined || part.kind !== 'relative-link') return [];
    const page = part.target === undefined ? undefined : project.files.resolve(part.target, project);
    return [{ label, page: typeof page === 'object' ? page : undefined }];
  });
}

/** The parts of `docs/README.md`, the start page. */
function mapOf(project: ProjectReflection): { readonly title: string; readonly rows: readonly Row[] }[] {
  const parts: { title: string; content: CommentDisplayPart[] }[] = [];
  for (const part of project.readme ?? []) {
    const [before = '', ...headings] = part.text.split(/^## /m);
    parts.at(-1)?.content.push({ ...part, text: before });
    for (const each of headings) {
      const [title = ''] = each.split('\n');
      parts.push({ title, content: [{ kind: 'text', text: each.slice(title.length) }] });
    }
  }
  return parts.map(({ title, content }) => ({ title, rows: rowsOf(content, project) }));
}

/** Readers import an entry by the name in the map, not by its file. */
function nameModules(project: ProjectReflection): void {
  for (const { label, page } of mapOf(project).flatMap(({ rows }) => rows)) {
    if (page?.isDeclaration()) page.name = label;
  }
}

const pathOf = (document: Reflection): string =>
  relative(ROOT, document.project.files.getReflectionPath(document) ?? '').replaceAll('\\', '/');

/** A heading and the text below it, up to the next heading. */
interface Section {
  readonly title: string;
  readonly text: string;
}

const FENCE = /^ *```/;
const HEADING = /^#{1,6} (.*)$/;

function sectionsIn(markdown: string): Section[] {
  const sections: { title: string; text: string }[] = [];
  let isCode = false;
  for (const line of markdown.split('\n')) {
    if (FENCE.test(line)) isCode = !isCode;
    const [, heading] = (isCode ? undefined : HEADING.exec(line)) ?? [];
    if (heading !== undefined) sections.push({ title: withoutMarks(heading), text: '' });
    else for (const section of sections.slice(-1)) section.text += `${withoutMarks(line)}\n`;
  }
  return sections;
}

/** Leaves the text of links and code. */
const withoutMarks = (markdown: string): string => markdown.replaceAll(/\]\([^)]*\)|[`*[\]|]/g, '');

/** Documents keep their paths in the repository. Each of their sections is a target, so that the search finds it. */
class SiteRouter extends KindRouter {
  override buildPages(project: ProjectReflection): PageDefinition[] {
    // The map leads to the modules, so a list of all modules and documents would be a second start page.
    const pages = super.buildPages(project).filter(({ url }) => url !== 'modules.html');
    this.fullUrls.set(project, 'index.html');
    for (const { model } of pages) if (model instanceof DocumentReflection) this.#addSections(model);
    return pages;
  }

  #addSections(document: DocumentReflection): void {
    const slugger = new Slugger(this.sluggerConfiguration);
    for (const [index, { title, text }] of sectionsIn(markdownOf(document.content)).entries()) {
      const anchor = slugger.slug(title);
      if (index === 0) continue;
      const section = new DocumentReflection(title, document, [{ kind: 'text', text }], {});
      this.fullUrls.set(section, `${this.getFullUrl(document)}#${anchor}`);
      this.anchors.set(section, anchor);
    }
  }

  override getIdealBaseName(target: Reflection): string {
    return target.isDocument() ? pathOf(target).replace(/\.md$/, '') : `api/${super.getIdealBaseName(target)}`;
  }
}

/** The text of a page is found in its sections; the page itself only has the text above them. */
function leaveSectionsToThemselves({ searchResults, searchFields }: IndexEvent): void {
  for (const [index, result] of searchResults.entries()) {
    if (!result.isDocument() || result.parent instanceof DocumentReflection) continue;
    searchFields[index] = { ...searchFields[index], document: sectionsIn(markdownOf(result.content))[0]?.text ?? '' };
  }
}

class SiteTheme extends DefaultTheme {
  override ContextClass = SiteContext;

  override buildNavigation(project: ProjectReflection): NavigationElement[] {
    const modules = new Map(super.buildNavigation(project).map((element) => [element.path, element]));
    const elementOf = (text: string, page: Reflection): NavigationElement => {
      const path = this.router.getFullUrl(page);
      const children = childrenOf(page).map((child) => elementOf(child.name, child));
      return { ...modules.get(path), text, path, kind: undefined, ...(children.length > 0 && { children }) };
    };
    const groups = mapOf(project).map(({ title, rows }) => ({
      text: title,
      children: rows.flatMap(({ label, page }) => {
        if (page !== undefined) return elementOf(label, page);
        this.application.logger.error(`The row "${label}" of docs/README.md leads to no page of the site.`);
        return [];
      }),
    }));
    this.#expectAll(project, groups);
    return groups.filter(({ children }) => children.length > 0);
  }

  #expectAll(project: ProjectReflection, navigation: readonly NavigationElement[]): void {
    const paths = new Set(pathsIn(navigation));
    for (const page of [...(project.documents ?? []), ...project.getChildrenByKind(ReflectionKind.Module)]) {
      if (paths.has(this.router.getFullUrl(page))) continue;
      this.application.logger.error(`docs/README.md has no line for ${page.name} (${pathOf(page)}).`);
    }
  }
}

/** The addresses in a navigation. */
const pathsIn = (elements: readonly NavigationElement[]): string[] =>
  elements.flatMap(({ path, children = [] }) => [...(path === undefined ? [] : [path]), ...pathsIn(children)]);

/** The pages that the index of a folder lists: runbooks and decisions. */
function childrenOf(page: Reflection): Reflection[] {
  if (!page.isDocument() || posix.basename(pathOf(page)) !== 'README.md') return [];
  const folder = dirname(pathOf(page));
  return rowsOf(page.content, page.project).flatMap(({ page: child }) =>
    child?.isDocument() && folder !== '.' && dirname(pathOf(child)) === folder ? [child] : [],
  );
}

/** The title of a document is in its text, and the start page needs no name of the package above its title. */
class SiteContext extends DefaultThemeRenderContext {
  constructor(...args: ConstructorParameters<typeof DefaultThemeRenderContext>) {
    super(...args);
    const { header } = this;
    this.header = (page) => (page.model.isDeclaration() ? header(page) : JSX.createElement(JSX.Fragment, null));
  }
}

const ID = / id="([^"]+)"/g;
const LINK_TO_ROOT = / href="(?:\.\/|(?:\.\.\/)+)(?=["#])/g;
const LINK = / (?:href|src)="([^"]+)"/g;

/** Fails the build if a link of a page or a result of the search leads nowhere. */
function checkLinks(app: Application): void {
  const anchors = new Map<string, ReadonlySet<string>>();
  const links = new Map<string, ReadonlySet<string>>();
  const valuesOf = (html: string, attribute: RegExp): Set<string> =>
    new Set([...html.matchAll(attribute)].map(([, value = '']) => value));

  app.renderer.on(PageEvent.END, (page) => {
    // A link to a folder shows a list of files where no server chooses the index.
    page.contents = page.contents?.replaceAll(LINK_TO_ROOT, '$&index.html');
    anchors.set(page.url, valuesOf(page.contents ?? '', ID));
    links.set(page.url, valuesOf(page.contents ?? '', LINK));
  });

  app.renderer.on(RendererEvent.END, ({ project }) => {
    const media = new Set(project.files.getNameToAbsoluteMap().keys());
    const isAlive = (link: string): boolean => {
      const [path = '', anchor] = link.split('#');
      if (path.startsWith('assets/')) return true;
      if (path.startsWith('media/')) return media.has(decodeURI(path.slice('media/'.length)));
      return (
        anchors.has(path) &&
        (anchor === undefined || anchor === '' || anchors.get(path)?.has(decodeURIComponent(anchor)) === true)
      );
    };
    const check = (from: string, link: string): void => {
      if (!isAlive(link)) app.logger.error(`${from} has a link to ${link}, which does not exist.`);
    };
    for (const target of app.renderer.router?.getLinkTargets() ?? []) {
      check('The search', app.renderer.router?.getFullUrl(target) ?? '');
    }
    for (const [url, targets] of links) {
      for (const target of targets) {
        if (/^[a-z]+:/.test(target)) continue;
        check(url, target.startsWith('#') ? url + target : posix.join(posix.dirname(url), target));
      }
    }
  });
}
